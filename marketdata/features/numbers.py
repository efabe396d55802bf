"""Numbers that are finite or not there at all."""

from __future__ import annotations

from math import isfinite


def finite(value: float | None) -> float | None:
    """`value`, or None when it is no number that can be sent on."""
    return value if value is not None and isfinite(value) else None


def ratio(part: float | None, whole: float | None) -> float | None:
    """part / whole, or None when that is nothing finite."""
    if part is None or whole is None or whole <= 0:
        return None
    return finite(part / whole)


def bps(price: float | None, base: float | None) -> float | None:
    """How far `price` is above `base`, in basis points of `base`."""
    share = ratio(price, base)
    return None if share is None else finite((share - 1) * 10_000)
