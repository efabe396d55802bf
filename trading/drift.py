"""How far a bot is from a shadow simulation of itself, and why. Pure Decimal.

With M the shadow's last price of a symbol and s = -1 for a buy, +1 for a sell, each fill earns
s * qty * (price - M) - fee: summed over all fills of a flat start that is the PnL marked at M.
The gap (bot less shadow) is therefore a sum over fills, and each piece of it lands once:

- `price`: s * qty * (bot's price - shadow's) of the quantity that both filled on one decision
  (symbol, side, decision candle) in the same bar,
- `timing`: the same of quantity that both filled on one decision in different bars, and what
  is still held times the difference of the two last prices,
- `fee`: less the difference of the fees of decisions that both filled,
- `missed`: what fills of a decision that only one side filled earned, their fees included, and
  s * qty * (price - M) of the quantity by which a decision that both filled differs in size.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TypeAlias

EXAMPLES = 10
SAME_TARGET = 1e-9
# Sums and products of stored decimals stay exact.
DIGITS = 120
BPS = Decimal(10_000)
ZERO = Decimal(0)

DecisionKey: TypeAlias = tuple[str, str, int]  # symbol, side, decision candle


@dataclass(frozen=True, slots=True)
class Filled:
    """A fill as both sides tell it; the fee in the quote asset."""

    symbol: str
    side: str  # BUY or SELL
    decided_ms: int  # close of the candle that was decided on
    bar_ms: int  # open of the bar in which it was filled
    qty: Decimal
    price: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Signal:
    """The exposure wanted at one close; None is no opinion."""

    symbol: str
    close_ms: int
    target: float | None


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: what it wanted, what it filled, what its symbols were last worth."""

    signals: Sequence[Signal]
    fills: Sequence[Filled]
    marks: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A close at which the two wanted different things. `missing` names who did not decide."""

    symbol: str
    close_ms: int
    bot: float | None
    shadow: float | None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Drift:
    """The comparison; price + fee + missed + timing is the gap exactly."""

    decisions: int  # closes that either side decided on
    mismatches: int
    examples: tuple[Mismatch, ...]
    fills: int  # of the bot
    unmatched: tuple[DecisionKey, ...]  # decisions that only one side filled, the first ones
    fill_bps: Decimal | None  # cost of matched quantity against the shadow; > 0 is dearer
    price: Decimal
    fee: Decimal
    missed: Decimal
    timing: Decimal

    @property
    def gap(self) -> Decimal:
        """The bot's PnL less the shadow's, in the quote asset."""
        with localcontext() as context:
            context.prec = DIGITS
            return self.price + self.fee + self.missed + self.timing


@dataclass(slots=True)
class _Parts:
    price: Decimal = ZERO
    fee: Decimal = ZERO
    missed: Decimal = ZERO
    timing: Decimal = ZERO
    dearer: Decimal = ZERO  # paid more, or got less, on matched quantity
    matched: Decimal = ZERO  # the shadow's notional of it


@dataclass(slots=True)
class _Piece:
    """What is left of a fill while it is being matched."""

    bar_ms: int
    qty: Decimal
    price: Decimal


def compare(bot: Side, shadow: Side) -> Drift:
    """Hold a bot against its shadow over the same stretch. Both begin flat.

    Raises KeyError if a symbol that was filled has no mark.
    """
    mismatches, decisions = _mismatches(bot.signals, shadow.signals)
    with localcontext() as context:
        context.prec = DIGITS
        parts, unmatched = _decompose(bot, shadow)
        bps = parts.dearer / parts.matched * BPS if parts.matched else None
    return Drift(
        decisions=decisions,
        mismatches=len(mismatches),
        examples=tuple(mismatches[:EXAMPLES]),
        fills=len(bot.fills),
        unmatched=tuple(unmatched[:EXAMPLES]),
        fill_bps=bps,
        price=parts.price,
        fee=parts.fee,
        missed=parts.missed,
        timing=parts.timing,
    )


def pnl_of(side: Side) -> Decimal:
    """What fills from a flat start earned, marked at the side's own last prices."""
    with localcontext() as context:
        context.prec = DIGITS
        return sum((_earned(fill, side.marks[fill.symbol]) for fill in side.fills), ZERO)


def _mismatches(bot: Iterable[Signal], shadow: Iterable[Signal]) -> tuple[list[Mismatch], int]:
    ours = {(each.close_ms, each.symbol): each.target for each in bot}
    theirs = {(each.close_ms, each.symbol): each.target for each in shadow}
    closes = sorted(ours.keys() | theirs.keys())
    found = []
    for close_ms, symbol in closes:
        key = (close_ms, symbol)
        missing = "bot" if key not in ours else "shadow" if key not in theirs else ""
        left, right = ours.get(key), theirs.get(key)
        if missing or not _same(left, right):
            found.append(Mismatch(symbol, close_ms, left, right, missing))
    return found, len(closes)


def _same(left: float | None, right: float | None) -> bool:
    if left is None or right is None:
        return left is right
    return abs(left - right) <= SAME_TARGET


def _decompose(bot: Side, shadow: Side) -> tuple[_Parts, list[DecisionKey]]:
    parts, unmatched = _Parts(), []
    ours, theirs = _by_decision(bot.fills), _by_decision(shadow.fills)
    for key in sorted(ours.keys() | theirs.keys(), key=lambda key: (key[2], key)):
        left, right = ours.get(key, []), theirs.get(key, [])
        mark = shadow.marks[key[0]]
        if left and right:
            _match(parts, left, right, mark)
        else:
            unmatched.append(key)
            parts.missed += sum((_earned(fill, mark) for fill in left), ZERO)
            parts.missed -= sum((_earned(fill, mark) for fill in right), ZERO)
    for symbol, qty in _held(bot.fills).items():
        parts.timing += qty * (bot.marks[symbol] - shadow.marks[symbol])
    return parts, unmatched


def _match(parts: _Parts, bot: list[Filled], shadow: list[Filled], mark: Decimal) -> None:
    """One decision that both filled: first bar by bar, then what is left in order."""
    sign = _sign(bot[0])
    parts.fee -= sum((fill.fee for fill in bot), ZERO) - sum((fill.fee for fill in shadow), ZERO)
    left, right = _pieces(bot), _pieces(shadow)
    for bar_ms in sorted({piece.bar_ms for piece in left}):
        ours = [piece for piece in left if piece.bar_ms == bar_ms]
        theirs = [piece for piece in right if piece.bar_ms == bar_ms]
        parts.price += _pair(parts, ours, theirs, sign)
    parts.timing += _pair(parts, left, right, sign)
    parts.missed += sign * sum((each.qty * (each.price - mark) for each in left), ZERO)
    parts.missed -= sign * sum((each.qty * (each.price - mark) for each in right), ZERO)


def _pair(parts: _Parts, left: list[_Piece], right: list[_Piece], sign: int) -> Decimal:
    """Use up equal quantities of both, oldest first; what the price difference earned."""
    earned = ZERO
    for ours in left:
        for theirs in right:
            qty = min(ours.qty, theirs.qty)
            ours.qty -= qty
            theirs.qty -= qty
            earned += sign * qty * (ours.price - theirs.price)
            parts.matched += qty * theirs.price
    parts.dearer -= earned
    return earned


def _by_decision(fills: Iterable[Filled]) -> dict[DecisionKey, list[Filled]]:
    found: dict[DecisionKey, list[Filled]] = defaultdict(list)
    for fill in fills:
        found[fill.symbol, fill.side, fill.decided_ms].append(fill)
    return found


def _held(fills: Iterable[Filled]) -> dict[str, Decimal]:
    held: dict[str, Decimal] = defaultdict(Decimal)
    for fill in fills:
        held[fill.symbol] -= _sign(fill) * fill.qty
    return held


def _pieces(fills: Iterable[Filled]) -> list[_Piece]:
    return [_Piece(fill.bar_ms, fill.qty, fill.price) for fill in fills]


def _earned(fill: Filled, mark: Decimal) -> Decimal:
    return _sign(fill) * fill.qty * (fill.price - mark) - fill.fee


def _sign(fill: Filled) -> int:
    return -1 if fill.side == "BUY" else 1
