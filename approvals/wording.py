"""Titles and texts of notifications, from what the audit log recorded. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any

LONGEST_TITLE = 120
LONGEST_BODY = 1_000
LONGEST_VALUE = 80
MOST_VALUES = 12


def title_of(title: str, name: str) -> str:
    return plain(f"{title}: {name}" if name else title)[:LONGEST_TITLE]


def body_of(
    *,
    reason: str,
    actor: str,
    at: datetime,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    verbose: bool,
    missed: int = 0,
    page: str = "",
) -> str:
    """A few lines: why, by whom, when; the values when `verbose`; what was not repeated; where
    to look.
    """
    lines = [reason] if reason else []
    if verbose:
        lines += _values(before or {}, after or {})
    lines.append(f"{at:%Y-%m-%d %H:%M:%S} UTC, by {actor}")
    if missed:
        lines.append(f"{missed} more like it came after the last message and were not told.")
    if page:
        lines.append(page)
    return "\n".join(plain(line) for line in lines)[:LONGEST_BODY]


def plain(text: str) -> str:
    """One line without control or direction characters: a name may hold anything."""
    kept = (" " if unicodedata.category(char) in {"Cc", "Zl", "Zp"} else char for char in text)
    return "".join(char for char in kept if unicodedata.category(char) != "Cf").strip()


# Where each subject of the audit log has its page; what comes after the number is left out.
_PAGES = {
    "account": "/exchange-accounts/{}/",
    "approval": "/approvals/{}/",
    "bot": "/bots/{}/",
    "simulation": "/simulations/{}/",
    "incident": "/incidents/{}/",
    "llm_call": "/advice/calls/{}/",
    "review": "/reviews/{}/",
    "suggestion": "/suggestions/{}/",
}
_PLACES = {
    "grant": "/live/",
    "approval_policy": "/approvals/policies/",
    "llm": "/advice/",
    "system": "/controls/",
}


def page_of(subject: str) -> str:
    """The path of the page that a subject is about; "" for those without one."""
    kind, _, number = subject.partition(":")
    if kind == "strategy" and number:
        name, _, version = number.partition(":")
        return f"/strategies/{name}/{f'versions/{version}/' if version.isdigit() else ''}"
    if kind in _PAGES and number.isdigit():
        return _PAGES[kind].format(number)
    return _PLACES.get(kind, "/approvals/policies/" if kind == "approval_waiver" else "")


def _values(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, value in list(after.items())[:MOST_VALUES]:
        was = f"{_short(before[name])} -> " if name in before else ""
        rows.append(f"{name.replace('_', ' ')}: {was}{_short(value)}")
    return rows


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
