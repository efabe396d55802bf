"""A bot on stored candles, as fast as it goes or at a speed to watch."""

from __future__ import annotations

from datetime import datetime

from config import clock
from marketdata.timeframes import Timeframe
from trading.paper_market import Market
from trading.services import _jobs, _tape
from trading.services._books import Books
from trading.services._execution import (
    match_orders,
)
from trading.services._steps import (
    close_tick,
    decide_step,
    protect_lane,
    resume_orders,
)
from trading.services._tape import Step, exact

COMMIT_EVERY = 250  # decisions in one group commit
SNAPSHOT_MS = 900_000  # market time between snapshots


def replay(books: Books, now: datetime, *, budget_s: float) -> bool:
    """Walk stored candles until the budget or the range ends; whether more is left."""
    deadline = clock.mono() + budget_s
    resume_orders(books, now)
    _tape.mark_at_cursors(books)
    until_ms = _tape.replay_until(books.bot, now)
    while True:
        ticks = _tape.replay(books, until_ms)
        if not ticks:
            books.commit(now=now)
            _jobs.report_replay(books.bot, books.lanes, now=now)
            return False
        for close_ms, steps in ticks:
            _replay_tick(books, close_ms, steps, now)
            if len(books.decisions) >= COMMIT_EVERY:
                books.commit(now=now)
            if clock.mono() >= deadline:
                books.commit(now=now)
                _jobs.report_replay(books.bot, books.lanes, now=now)
                return True


def _replay_tick(books: Books, close_ms: int, steps: list[Step], now: datetime) -> None:
    """Everything that happens up to one close: fills, exits, marks, then decisions."""
    for step in steps:
        _replay_bar(books, step, now)
    # Before the decisions: what they commit is then all that this close has changed.
    every = max(SNAPSHOT_MS, Timeframe(books.bot.timeframe).ms)
    close_tick(books, at_ms=close_ms, every_ms=every)
    for step in steps:
        if step.lane.row.decided_ms < step.close_ms:
            decide_step(books, step, now, price_age_s=0.0)


def _replay_bar(books: Books, step: Step, now: datetime) -> None:
    lane = step.lane
    if lane.orders or lane.holding.qty:
        market = _bar_market(step)
        match_orders(books=books, lane=lane, market=market, now=now)
        protect_lane(books, lane, market, step.close_ms, now)
        lane.high_since_entry = max(lane.high_since_entry, market.high)
        lane.moved = True
    lane.last_price = exact(step.bars.close[step.index])


def _bar_market(step: Step) -> Market:
    bars, index = step.bars, step.index
    return Market(
        at_ms=int(bars.open_ms[index]),
        open=exact(bars.open[index]),
        high=exact(bars.high[index]),
        low=exact(bars.low[index]),
        close=exact(bars.close[index]),
        volume=exact(bars.volume[index]),
    )


def replayed_all(books: Books) -> bool:
    end = _tape.replay_end(books.bot)
    return all(lane.row.decided_ms >= end for lane in books.lanes)
