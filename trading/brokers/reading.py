"""Reading what exchanges send: the right shape, or ValueError. Pure."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any


def market_id(name: str) -> str:
    """ "BTC/USDT" as both exchanges spell it on their spot markets."""
    return name.replace("/", "")


def entry(value: Any) -> dict[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise ValueError(f"an object was expected, not {str(value)[:40]!r}")
    return value


def entries(value: Any) -> list[dict[str, Any]]:
    """A list of objects."""
    if not isinstance(value, list):
        raise ValueError(f"a list was expected, not {str(value)[:40]!r}")
    return [entry(each) for each in value]


def amount(value: Any) -> Decimal:
    """A finite decimal that isn't negative, from the text that was sent."""
    number = signed(value)
    if number < 0:
        raise ValueError(f"an amount was expected, not {value!r}")
    return number


def signed(value: Any) -> Decimal:
    """A finite decimal; a maker's fee may be below zero."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"a number was expected, not {str(value)[:40]!r}") from None
    if not number.is_finite():
        raise ValueError(f"a number was expected, not {value!r}")
    return number


def optional(value: Any) -> Decimal | None:
    """An amount, or None where the exchange leaves it empty or zero."""
    return None if value in (None, "") else amount(value) or None


def whole(value: Any) -> int:
    """An integer, also as text; a truth value is none."""
    if isinstance(value, bool) or not str(value).isdigit():
        raise ValueError(f"a whole number was expected, not {str(value)[:40]!r}")
    return int(value)
