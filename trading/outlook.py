"""What a bot would do with one version and with another, side by side. Pure values.

As JSON, decimals are strings and unknown is null; nothing in it is ever ordered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

DIGITS = 12  # of what is told: a third has no end


@dataclass(frozen=True, slots=True)
class Wish:
    """What a version would do in one symbol at a candle's close.

    `target` is the exposure in [0, 1] of the symbol's share of equity, None for no opinion, and
    `wanted` its value in the quote asset. `qty`, `worth` and `fee` are of the order that would
    follow, None when none would: then `reason` is why not. `value_after` is what is held then.
    """

    target: float | None
    wanted: Decimal | None
    side: str  # BUY, SELL or ""
    reason: str  # a Reason, or the Denial that stands against the order
    denied: bool
    qty: Decimal | None
    worth: Decimal | None
    fee: Decimal | None
    value_after: Decimal


@dataclass(frozen=True, slots=True)
class SymbolOutlook:
    """One symbol of a bot at its newest closed candle; values in the quote asset."""

    symbol: str
    asset: str  # that the position is counted in
    close_ms: int
    price: Decimal
    qty: Decimal
    value: Decimal
    active: Wish
    candidate: Wish


@dataclass(frozen=True, slots=True)
class BotOutlook:
    """One bot; exposures are fractions of equity. `missing` says why nothing can be said."""

    bot: int
    quote: str
    equity: Decimal | None
    exposure: Decimal | None
    exposure_active: Decimal | None
    exposure_candidate: Decimal | None
    max_exposure: Decimal
    max_position: Decimal
    symbols: tuple[SymbolOutlook, ...] = ()
    missing: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data that a JSON column takes."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


@dataclass(frozen=True, slots=True)
class Seen:
    """A bot's books at its newest closes, before and after one version's orders."""

    equity: Decimal
    equity_after: Decimal
    held: tuple[Held, ...]
    wishes: tuple[Wish, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A position at the close of its symbol's newest candle."""

    symbol: str
    asset: str
    close_ms: int
    price: Decimal
    qty: Decimal
    value: Decimal


def side_by_side(active: Seen, candidate: Seen) -> Iterator[SymbolOutlook]:
    """Both versions in each symbol; they saw the same books."""
    for held, ours, theirs in zip(active.held, active.wishes, candidate.wishes, strict=True):
        yield SymbolOutlook(
            held.symbol,
            held.asset,
            held.close_ms,
            held.price,
            held.qty,
            held.value,
            ours,
            theirs,
        )


def exposure_of(values: Iterator[Decimal], equity: Decimal) -> Decimal | None:
    """Of positions together, as a fraction of equity; None where there is no equity."""
    return sum(values, Decimal(0)) / equity if equity > 0 else None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return f"{round(value, DIGITS):f}" if isinstance(value, Decimal) else value


_NUMBERS = {"equity", "exposure", "exposure_active", "exposure_candidate", "max_exposure"}
_NUMBERS |= {"max_position", "price", "qty", "value", "wanted", "worth", "fee", "value_after"}


def in_numbers(told: Any) -> Any:
    """`to_json` the other way round: the same mappings and lists, decimals as such."""
    if isinstance(told, list):
        return [in_numbers(each) for each in told]
    if not isinstance(told, dict):
        return told
    return {
        name: Decimal(value) if name in _NUMBERS and isinstance(value, str) else in_numbers(value)
        for name, value in told.items()
    }
