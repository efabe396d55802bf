"""docs/operating/incidents.md has every known incident, and the tests that it names exist."""

from __future__ import annotations

import ast
import re

from tests.architecture.sources import ROOT

PAGE = ROOT / "docs" / "operating" / "incidents.md"
KNOWN = [f"F{number:02}" for number in range(1, 53)]
ROW = re.compile(r"^\| (F\d\d) \| .+ \| (held|by shape|open) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def test_every_incident_is_on_the_page_once() -> None:
    assert sorted(found for found, _, _ in ROW.findall(PAGE.read_text())) == KNOWN


def test_every_test_that_the_page_names_exists() -> None:
    known = _tests()

    assert [named for named in TEST.findall(PAGE.read_text()) if named not in known] == []


def test_what_is_held_is_held_by_a_test() -> None:
    rows = ROW.findall(PAGE.read_text())

    assert [
        found for found, standing, here in rows if standing == "held" and not _named(here)
    ] == []


def _named(here: str) -> bool:
    return bool(TEST.search(here) or re.search(r"as F\d\d", here))


def _tests() -> set[tuple[str, str]]:
    return {
        (path.name, node.name)
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
