"""The trades of a simulation on its page: a sorted table, and a candle chart with the fills."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator

from config.pages import whole_number
from marketdata.charts import decimals
from marketdata.errors import SymbolUnknown
from marketdata.models import Symbol
from marketdata.queries import resolve_symbol
from marketdata.timeframes import Timeframe
from trading.models import Simulation

ROWS = 50
NEWEST_FIRST = "-closed"
FITTING = 1_500  # candles that a chart shows at once
MOST_MARKERS = 5_000
MINUTE = 60_000
# Lengths that merged candles may have: those that people know.
LENGTHS = {
    "5 min": 5 * MINUTE,
    "15 min": 15 * MINUTE,
    "1 h": 60 * MINUTE,
    "4 h": 240 * MINUTE,
    "12 h": 720 * MINUTE,
    "1 d": 1_440 * MINUTE,
    "3 d": 4_320 * MINUTE,
    "7 d": 10_080 * MINUTE,
}
Trade = dict[str, Any]

_KEYS: dict[str, Callable[[Trade], Any]] = {
    "opened": lambda trade: trade["opened_ms"],
    "closed": lambda trade: trade["closed_ms"],
    "held": lambda trade: trade["closed_ms"] - trade["opened_ms"],
    "symbol": lambda trade: trade["symbol"],
    "qty": lambda trade: trade["qty"],
    "entry": lambda trade: trade["entry_price"],
    "exit": lambda trade: trade["exit_price"],
    "return": lambda trade: trade["return"],
    "pnl": lambda trade: trade["pnl"],
    "fees": lambda trade: trade["fees"],
    "reason": lambda trade: trade["exit_reason"],
}
# key, title, whether it is a number
HEADS = (
    ("closed", "Closed, UTC", False),
    ("return", "Return", True),
    ("pnl", "PnL", True),
    ("held", "Held", True),
    ("symbol", "Symbol", False),
    ("qty", "Quantity", True),
    ("entry", "Entry", True),
    ("exit", "Exit", True),
    ("fees", "Fees", True),
    ("reason", "Why it left", False),
)


@dataclass(frozen=True, slots=True)
class TradeTable:
    """One page of the trades in the order that the address asks for."""

    page: Page[Trade]
    sort: str
    heads: tuple[tuple[str, str, bool], ...] = HEADS


@dataclass(frozen=True, slots=True)
class TradeChart:
    """What the candle chart of a simulation is told; `overview` are merged candles or None."""

    symbol: Symbol
    symbols: list[str]
    timeframe: Timeframe
    places: int
    overview: str | None
    overview_ms: int | None
    at_ms: int | None


def trade_table(trades: Iterable[Trade], params: Mapping[str, str]) -> TradeTable:
    """`?sort=` is a key, "-" before it turns it round; an unknown one is newest first."""
    asked = params.get("sort", NEWEST_FIRST)
    sort = asked if asked.removeprefix("-") in _KEYS else NEWEST_FIRST
    key, down = _KEYS[sort.removeprefix("-")], sort.startswith("-")
    # Two stable sorts: trades that are equal stand newest first in either direction.
    newest = sorted(trades, key=_KEYS["closed"], reverse=True)
    rows = [
        {**trade, "held_s": _KEYS["held"](trade) / 1000}
        for trade in sorted(newest, key=key, reverse=down)
    ]
    return TradeTable(Paginator(rows, ROWS).get_page(params.get("page")), sort)


def trade_chart(row: Simulation, params: Mapping[str, str]) -> TradeChart | None:
    """The chart of `?symbol=`, else of the first; None when the symbol is gone."""
    names = [str(name) for name in row.symbols]
    asked = params.get("symbol", "")
    try:
        symbol = resolve_symbol(asked if asked in names else names[0])
    except SymbolUnknown:
        return None
    timeframe = Timeframe(row.timeframe)
    title, length = overview_of(row.from_ms, row.to_ms, timeframe)
    return TradeChart(
        symbol=symbol,
        symbols=names,
        timeframe=timeframe,
        places=decimals(symbol),
        overview=title,
        overview_ms=length,
        at_ms=whole_number(params, "at"),
    )


def overview_of(from_ms: int, to_ms: int, timeframe: Timeframe) -> tuple[str | None, int | None]:
    """(title, ms) of the shortest candles of which a range has at most FITTING."""
    span = to_ms - from_ms
    if span <= FITTING * timeframe.ms:
        return None, None
    wide = [(title, ms) for title, ms in LENGTHS.items() if ms > timeframe.ms]
    fitting = (each for each in wide if span <= FITTING * each[1])
    return next(fitting, wide[-1] if wide else (None, None))


def markers(
    fills: Iterable[dict[str, Any]], symbol: Symbol, *, from_ms: int, merge_ms: int
) -> list[dict[str, Any]]:
    """Fills of a symbol since `from_ms` as a chart marks them, the newest MOST_MARKERS.

    With `merge_ms` one for each side and stretch of that length: more would lie on each other.
    """
    kept: dict[tuple[str, int], dict[str, Any]] = {}
    for fill in fills:
        if fill["symbol"] != str(symbol) or fill["at_ms"] < from_ms:
            continue
        place = fill["at_ms"] // merge_ms if merge_ms else len(kept)
        told = {name: fill[name] for name in ("at_ms", "side", "qty", "price")}
        kept.setdefault((fill["side"], place), told)
    return list(kept.values())[-MOST_MARKERS:]
