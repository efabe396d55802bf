"""Candles as a cycle walks them: history for the warm-up, then what is to be decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby

import numpy as np

from marketdata import store
from marketdata.bars import Bars, Floats
from marketdata.timeframes import Timeframe
from trading.models import Bot
from trading.services._books import Books, Lane

CHUNK = 4_000  # candles of a replay in memory at once
LIVE_TAIL = 3  # closed candles looked at beyond the warm-up
LIVE_TAIL_MOST = 2_000  # of candles that a bot missed, so many get their record


@dataclass(frozen=True, slots=True)
class Step:
    """One closed candle of one lane with the target wanted at its close."""

    lane: Lane
    bars: Bars
    index: int
    close_ms: int
    target: float
    warm: bool


@dataclass(frozen=True, slots=True)
class Tape:
    """Bars of one lane and the targets wanted at their closes."""

    lane: Lane
    timeframe: Timeframe
    bars: Bars
    targets: Floats
    warmup: int

    def close_ms(self, index: int) -> int:
        return int(self.bars.open_ms[index]) + self.timeframe.ms

    def step(self, index: int) -> Step:
        return Step(
            lane=self.lane,
            bars=self.bars,
            index=index,
            close_ms=self.close_ms(index),
            target=float(self.targets[index]),
            warm=index + 1 >= self.warmup,
        )


def live(books: Books, lane: Lane, *, now_ms: int) -> Tape:
    """The warm-up and all closed candles since the last decision."""
    warmup = books.strategy.warmup(books.params)
    behind = (now_ms - lane.row.decided_ms) // Timeframe(books.bot.timeframe).ms
    tail = min(max(behind, LIVE_TAIL), LIVE_TAIL_MOST)
    bars = store.load_bars(lane.symbol.pk, books.bot.timeframe, limit=warmup + tail)
    return _tape(books, lane, bars, warmup)


def newest(books: Books, lane: Lane) -> Step | None:
    """The newest stored candle, decided or not; None without any."""
    warmup = books.strategy.warmup(books.params)
    bars = store.load_bars(lane.symbol.pk, books.bot.timeframe, limit=warmup + LIVE_TAIL)
    return _tape(books, lane, bars, warmup).step(len(bars) - 1) if len(bars) else None


def replay(books: Books, until_ms: int) -> list[tuple[int, list[Step]]]:
    """The next chunk of closes of all lanes, in time order, lanes in rank order; [] at the end.

    Jumps over holes in the data: a lane without candles up to `until_ms` is done.
    """
    bar_ms = Timeframe(books.bot.timeframe).ms
    start = min(lane.row.decided_ms for lane in books.lanes)
    while start < until_ms:
        end = min(start - start % bar_ms + CHUNK * bar_ms, until_ms)
        steps = [step for lane in books.lanes for step in _between(books, lane, end)]
        if steps:
            steps.sort(key=lambda step: (step.close_ms, step.lane.row.rank))
            return [
                (close, list(group))
                for close, group in groupby(steps, key=lambda step: step.close_ms)
            ]
        for lane in books.lanes:
            lane.row.decided_ms = max(lane.row.decided_ms, end)
            lane.moved = True
        start = end
    return []


def replay_until(bot: Bot, now: datetime) -> int:
    """The newest close that a replay has reached at its speed; the last when as fast as it goes.

    Always on the grid: a cursor inside a candle would lose that candle.
    """
    timeframe = Timeframe(bot.timeframe)
    end = replay_end(bot)
    if not bot.replay_speed or bot.replay_started_at is None:
        return end
    ran_ms = (now - bot.replay_started_at).total_seconds() * 1000 * bot.replay_speed
    return min(end, timeframe.floor((bot.replay_from_ms or 0) + int(ran_ms)))


def replay_end(bot: Bot) -> int:
    """The close of the last candle that is wholly inside the replay's range."""
    return Timeframe(bot.timeframe).floor(bot.replay_to_ms or 0)


def mark_at_cursors(books: Books) -> None:
    """Every lane's price is the close of the newest candle that it has decided."""
    timeframe = Timeframe(books.bot.timeframe)
    for lane in books.lanes:
        at_ms = timeframe.floor(lane.row.decided_ms)
        bars = store.load_bars(lane.symbol.pk, timeframe, to_ms=at_ms, limit=1)
        if len(bars):
            lane.last_price = exact(bars.close[-1])


def last_volume(symbol_id: int, timeframe: str) -> float:
    """Volume of the newest closed candle: the best guess of what the running one will trade."""
    bars = store.load_bars(symbol_id, timeframe, limit=1)
    return float(bars.volume[-1]) if len(bars) else 0.0


def _between(books: Books, lane: Lane, end_ms: int) -> list[Step]:
    """Steps of candles that close after the lane's cursor and by `end_ms`."""
    bar_ms = Timeframe(books.bot.timeframe).ms
    first_open = lane.row.decided_ms
    if first_open >= end_ms:
        return []
    warmup = books.strategy.warmup(books.params)
    new = store.load_bars(
        lane.symbol.pk, books.bot.timeframe, from_ms=first_open, to_ms=end_ms - bar_ms + 1
    )
    if not len(new):
        return []
    past = store.load_bars(lane.symbol.pk, books.bot.timeframe, to_ms=first_open, limit=warmup)
    tape = _tape(books, lane, _joined(past, new), warmup)
    return [tape.step(index) for index in range(len(past), len(tape.bars))]


def _tape(books: Books, lane: Lane, bars: Bars, warmup: int) -> Tape:
    targets = books.strategy.targets(bars, books.params) if len(bars) else np.empty(0)
    return Tape(lane, Timeframe(books.bot.timeframe), bars, targets, warmup)


def _joined(past: Bars, new: Bars) -> Bars:
    pairs = zip(past.columns(), new.columns(), strict=True)
    return Bars(*(np.concatenate(pair) for pair in pairs))


def exact(value: float) -> Decimal:
    """A stored candle number as the decimal it was printed as."""
    return Decimal(repr(float(value)))
