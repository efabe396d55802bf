"""How a venue's file answers: a function from the query to a JSON body, or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Query = Mapping[str, str]
Route = Callable[[Query], Any]


class Refused(Exception):
    """The exchange says no, in its own words."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
