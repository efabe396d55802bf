"""The tutorials' code runs as it stands."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.architecture.sources import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.django_db
def test_the_code_of_the_research_tutorial_runs_in_its_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "tutorials" / "research.md").read_text()
    names: dict[str, Any] = {"__name__": "notebook"}

    for number, block in enumerate(BLOCK.findall(page), 1):
        exec(compile(block, f"research.md, block {number}", "exec"), names)  # noqa: S102 - our own page

    told = capsys.readouterr().out
    assert "round trips" in told
    assert "kept of the promise" in told
    assert names["found"].spread > 0
