"""What a replay must do, said again in the plainest way: one loop, no database, no chunks."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from marketdata.bars import Bars, Floats
from strategies.protocol import Exits

D = Decimal
NONE = D(0)
THREE_BPS, TEN_BPS, MOST = D(3), D(10), D("0.95")  # the defaults of a first start


@dataclass(frozen=True)
class Costs:
    """Costs in bps, the largest share of equity in the market, and the steps of the symbol."""

    tick: Decimal
    lot: Decimal
    spread_and_slip: Decimal = THREE_BPS
    fee: Decimal = TEN_BPS
    most: Decimal = MOST


@dataclass
class _Book:
    cash: Decimal
    qty: Decimal = NONE
    entry: Decimal = NONE
    high: Decimal = NONE
    order: tuple[str, Decimal] | None = None


def reference_fills(
    *, bars: Bars, targets: Floats, exits: Exits, costs: Costs, cash: Decimal
) -> list[tuple[int, str, Decimal, Decimal]]:
    """(open_ms, side, quantity, price) of every fill of one long-flat bot."""
    book = _Book(cash)
    fills: list[tuple[int, str, Decimal, Decimal]] = []
    for at, open_, high, low, close, target in zip(
        bars.open_ms.tolist(),
        *(_decimals(column) for column in (bars.open, bars.high, bars.low, bars.close)),
        targets.tolist(),
        strict=True,
    ):
        if book.order:
            side, qty = book.order
            fills.append((at, *_trade(book, side, qty, _taken(side, open_, costs), costs)))
        left = _left(book, exits, open_, high, low, costs)
        if left is not None:
            fills.append((at, *_trade(book, "SELL", book.qty, left, costs)))
        book.high = max(book.high, high) if book.qty else D(0)
        book.order = None if left is not None else _order(book, target, close, costs)
    return fills


def _order(book: _Book, target: float, close: Decimal, costs: Costs) -> tuple[str, Decimal] | None:
    if target == 0 and book.qty:
        return "SELL", book.qty
    if target != 1 or book.qty:
        return None
    unit = _taken("BUY", close, costs) * (1 + costs.fee / 10_000)
    return "BUY", _round((book.cash * costs.most - D("1e-8")) / unit, costs.lot, ROUND_FLOOR)


def _left(
    book: _Book, exits: Exits, open_: Decimal, high: Decimal, low: Decimal, costs: Costs
) -> Decimal | None:
    """The price at which the protective exits sell in this bar; a stop comes before a target."""
    if not book.qty:
        return None
    stop = max(
        book.entry * (1 - D(str(exits.stop_loss or 1))),
        book.high * (1 - D(str(exits.trailing or 1))),
    )
    if low <= stop:
        return _taken("SELL", min(open_, _round(stop, costs.tick, ROUND_FLOOR)), costs)
    target = _round(book.entry * (1 + D(str(exits.take_profit or 1000))), costs.tick, ROUND_CEILING)
    return max(target, _taken("SELL", open_, costs)) if high > target else None


def _trade(
    book: _Book, side: str, qty: Decimal, price: Decimal, costs: Costs
) -> tuple[str, Decimal, Decimal]:
    fee = _round(qty * price * costs.fee / 10_000, D("1e-8"), ROUND_CEILING)
    if side == "BUY":
        book.cash -= qty * price + fee
        book.qty, book.entry, book.high = qty, price, price
    else:
        book.cash += qty * price - fee
        book.qty = D(0)
    return side, qty, price


def _taken(side: str, price: Decimal, costs: Costs) -> Decimal:
    if side == "BUY":
        return _round(price * (1 + costs.spread_and_slip / 10_000), costs.tick, ROUND_CEILING)
    return _round(price * (1 - costs.spread_and_slip / 10_000), costs.tick, ROUND_FLOOR)


def _round(value: Decimal, step: Decimal, way: str) -> Decimal:
    return (value / step).to_integral_value(way) * step


def _decimals(column: Floats) -> list[Decimal]:
    return [D(repr(value)) for value in column.tolist()]
