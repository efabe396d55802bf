"""Layers and sizes that a linter has no rule for."""

from __future__ import annotations

import ast
import tomllib

from tests.architecture.sources import ROOT, sources

LONGEST_FILE = 400
LONGEST_FUNCTION = 30
WRITES = {
    "bulk_create",
    "bulk_update",
    "create",
    "delete",
    "get_or_create",
    "save",
    "update_or_create",
}


def test_doors_write_nothing_themselves() -> None:
    found = [
        f"{source.path}:{node.lineno} .{node.func.attr}()"
        for source in sources()
        if source.is_door
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _writes(node)
    ]

    assert found == []


def _writes(call: ast.Call) -> bool:
    assert isinstance(call.func, ast.Attribute)
    # A QuerySet is updated by keywords, a dict by position.
    return call.func.attr in WRITES or (call.func.attr == "update" and bool(call.keywords))


def test_every_module_of_config_is_roof_or_floor() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = pyproject["tool"]["importlinter"]["contracts"][0]["layers"]
    listed = {name.strip(" ()") for name in f"{layers[0]}:{layers[-1]}".split(":")}

    present = {
        f"config.{path.stem}"
        for path in (ROOT / "config").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    } - {"config.__init__"}

    assert sorted(present - listed) == []


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {source.path: len(source.text.splitlines()) for source in sources()}
    lengths |= {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in (ROOT / "tests").rglob("*.py")
    }

    assert {path: n for path, n in lengths.items() if n > LONGEST_FILE} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = {
        f"{source.path}:{function.name}": _length(function)
        for source in sources()
        for function in source.functions()
    }

    assert {name: n for name, n in lengths.items() if n > LONGEST_FUNCTION} == {}


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body; the signature and the docstring explain, they don't count."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
