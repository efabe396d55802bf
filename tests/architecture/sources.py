"""The sources of the product as syntax trees, for tests that walk them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("approvals", "config", "marketdata", "strategies", "trading")
DOORS = ("admin", "api", "consumers", "management", "tasks", "views")


@dataclass(frozen=True, slots=True)
class Source:
    """One file, with its path as `trading/services/_orders.py`."""

    path: str
    text: str
    tree: ast.Module

    @property
    def is_door(self) -> bool:
        part = Path(self.path).parts[1]
        return part.removesuffix(".py") in DOORS

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


@cache
def sources() -> tuple[Source, ...]:
    """Every module of every app; migrations are generated and stay out."""
    return tuple(
        Source(str(path.relative_to(ROOT)), text := path.read_text(), ast.parse(text))
        for app in APPS
        for path in sorted((ROOT / app).rglob("*.py"))
        if "migrations" not in path.parts
    )
