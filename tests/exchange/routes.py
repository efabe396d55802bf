"""How a venue's file answers: a function from a request to a JSON body, or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

from tests.exchange.faults import Spoil
from tests.exchange.ledger import Asked

Query = Mapping[str, str]
Route = Callable[[Query], Any]


class Refused(Exception):
    """The exchange says no, in its own words."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


@dataclass(slots=True)
class Request:
    """A request as it came; `query` and `body` are untouched, because signatures cover them."""

    method: str
    path: str
    query: str = ""
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    ip: str = "127.0.0.1"
    spoil: Spoil | None = None
    asked: Asked | None = None  # its row in the ledger
    _params: dict[str, str] | None = None

    @property
    def params(self) -> dict[str, str]:
        """Query and body together; numbers and booleans of a JSON body as text."""
        if self._params is None:
            self._params = dict(parse_qsl(self.query, keep_blank_values=True)) | self._of_body()
        return self._params

    def _of_body(self) -> dict[str, str]:
        if not self.body.startswith("{"):
            return dict(parse_qsl(self.body, keep_blank_values=True))
        try:
            read = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return {name: str(value) for name, value in read.items()}
