"""JSON that means one thing only: no key twice, no NaN, no infinity, no endless depth. Pure."""

from __future__ import annotations

import json
import math
from typing import Any


class JsonRefused(Exception):
    """Why some bytes are not taken as JSON; `code` is stable."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def loads(content: bytes, *, most: int) -> Any:
    """What the bytes say, at most `most` of them. Raises JsonRefused; repairs nothing."""
    if len(content) > most:
        raise JsonRefused("TOO_LARGE", f"{len(content)} bytes; at most {most} are read.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise JsonRefused("NOT_UTF8", "The bytes are not UTF-8.") from None
    try:
        return json.loads(
            text, object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float
        )
    except RecursionError:
        raise JsonRefused("TOO_DEEP", "It is nested too deeply.") from None
    except ValueError:
        # Also an integer with more digits than Python converts.
        raise JsonRefused("NOT_JSON", "It is not one JSON value.") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise JsonRefused("DUPLICATE_KEY", "An object has the same key twice.")
    return made


def _constant(name: str) -> Any:
    raise JsonRefused("NOT_FINITE", f"{name} is no number.")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise JsonRefused("NOT_FINITE", "A number is too large.")
    return value
