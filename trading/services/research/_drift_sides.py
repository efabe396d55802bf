"""A bot and its shadow as `trading.drift` compares them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from django.db.models import QuerySet

from config import clock
from trading.drift import Filled, Side, Signal
from trading.models import DecisionRecord, Fill
from trading.reasons import Reason
from trading.simulation import FillRow, Lane, Run

PROTECTIVE = (Reason.STOP_LOSS, Reason.TRAILING_STOP, Reason.TAKE_PROFIT)


@dataclass(frozen=True, slots=True)
class Stretch:
    """[from_ms, to_ms) of a bot's life; `marks` are the symbols' prices at its end."""

    bot_id: int
    bar_ms: int
    from_ms: int
    to_ms: int
    marks: Mapping[str, Decimal]


def bot_side(stretch: Stretch) -> Side:
    """What a bot's records say. A fill of the candle after the last is left to the next time."""
    return Side(list(_bot_signals(stretch)), list(_bot_fills(stretch)), stretch.marks)


def shadow_side(stretch: Stretch, lanes: Sequence[Lane], result: Run, bot: Side) -> Side:
    """What a run says, less the closes at which the bot wasn't asked for a target."""
    left_out = {
        (symbol, close_ms)
        for symbol, close_ms in _decisions(stretch, protective=True).values_list(
            "symbol__name", "candle_close_ms"
        )
    }
    signals = [
        signal
        for signal in _shadow_signals(stretch, lanes)
        if (signal.symbol, signal.close_ms) not in left_out
    ]
    return Side(signals, list(_shadow_fills(stretch, lanes, result, bot)), stretch.marks)


def _decisions(stretch: Stretch, *, protective: bool) -> QuerySet[DecisionRecord]:
    rows = DecisionRecord.objects.filter(
        bot_id=stretch.bot_id,
        candle_close_ms__gt=stretch.from_ms,
        candle_close_ms__lte=stretch.to_ms,
    )
    return rows.filter(reason__in=PROTECTIVE) if protective else rows.exclude(reason__in=PROTECTIVE)


def _bot_signals(stretch: Stretch) -> Iterator[Signal]:
    rows = _decisions(stretch, protective=False)
    for symbol, close_ms, target in rows.values_list("symbol__name", "candle_close_ms", "target"):
        yield Signal(symbol, close_ms, target)


def _bot_fills(stretch: Stretch) -> Iterator[Filled]:
    rows = Fill.objects.filter(
        bot_id=stretch.bot_id,
        at__gte=clock.from_ms(stretch.from_ms),
        at__lt=clock.from_ms(stretch.to_ms),
    ).order_by("id")
    for fill in rows.select_related("symbol", "order__intent__decision"):
        at_ms = clock.to_ms(fill.at)
        bar_ms = at_ms - at_ms % stretch.bar_ms
        decision = fill.order.intent.decision
        yield Filled(
            symbol=fill.symbol.name,
            side=str(fill.side),
            decided_ms=decision.candle_close_ms if decision else bar_ms,
            bar_ms=bar_ms,
            qty=fill.qty,
            price=fill.price,
            fee=fill.fee,
        )


def _shadow_signals(stretch: Stretch, lanes: Sequence[Lane]) -> Iterator[Signal]:
    for lane in lanes:
        opens = lane.bars.open_ms[lane.start :].tolist()
        for open_ms, target in zip(opens, lane.targets[lane.start :].tolist(), strict=True):
            wanted = None if math.isnan(target) else target
            yield Signal(lane.symbol, open_ms + stretch.bar_ms, wanted)


def _shadow_fills(
    stretch: Stretch, lanes: Sequence[Lane], result: Run, bot: Side
) -> Iterator[Filled]:
    """A run doesn't say which candle a fill was decided on: see `_decided_ms`."""
    bars = {lane.symbol: lane for lane in lanes}
    known = {(fill.symbol, fill.side, fill.bar_ms): fill.decided_ms for fill in bot.fills}
    going: dict[str, tuple[FillRow, int]] = {}
    for row in result.fill_rows():
        decided_ms = known.get((row.symbol, row.side, row.at_ms))
        if decided_ms is None:
            decided_ms = _decided_ms(row, bars[row.symbol], stretch, going.get(row.symbol))
        going[row.symbol] = (row, decided_ms)
        yield Filled(row.symbol, row.side, decided_ms, row.at_ms, row.qty, row.price, row.fee)


def _decided_ms(
    row: FillRow, lane: Lane, stretch: Stretch, before: tuple[FillRow, int] | None
) -> int:
    """The candle behind a fill: that of the order which it carries on, or the one before it.

    A protective exit is decided inside the bar that it is filled in.
    """
    carries_on = before and (before[0].side, before[0].reason) == (row.side, row.reason)
    if before and carries_on and row.reason != Reason.REBALANCE:
        return before[1]
    if row.reason in PROTECTIVE:
        return row.at_ms + stretch.bar_ms
    index = int(np.searchsorted(lane.bars.open_ms, row.at_ms))
    earlier = int(lane.bars.open_ms[index - 1]) if index else row.at_ms - stretch.bar_ms
    return earlier + stretch.bar_ms
