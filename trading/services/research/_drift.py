"""Drift: a bot held against a simulation of its own life."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Max, Min, Q

from config import clock
from marketdata import store
from marketdata.models import Symbol
from marketdata.timeframes import Timeframe
from strategies import queries as strategy_queries
from strategies import registry
from trading import events
from trading.drift import BPS, Drift, compare
from trading.knobs import Knobs
from trading.models import Bot, BotDrift, Job, Trade
from trading.models.bots import BotSymbol
from trading.queries import drift_of, since_funded
from trading.services._audit import record
from trading.services._books import filters_of, limits_of, terms_of
from trading.services._bots import get_bot
from trading.services.research._drift_notes import notes_of
from trading.services.research._drift_sides import Stretch, bot_side, shadow_side
from trading.services.research._drift_versions import (
    Turn,
    notes_of_turns,
    turns_of,
    with_turns,
)
from trading.simulation import Lane, Rules, lane_of, run

DRIFT = "drift.measure"
MOST_CANDLES = 20_000
MOST_STEPS_BACK = 100
MOST_BOTS = 20  # in one round
KEPT_FOR = timedelta(days=30)
PAST = 3  # times the warm-up


@dataclass(frozen=True, slots=True)
class _Life:
    """The part of a bot's life that is measured, and the cash that it began with."""

    from_ms: int
    to_ms: int
    cash: Decimal
    note: str = ""


def measure_drift(*, bot_id: int, now: datetime) -> BotDrift | None:
    """Simulate a bot's life, store how far the bot is from it; None before its first decision."""
    bot = get_bot(bot_id)
    life = _life(bot)
    if life is None:
        return None
    turns = turns_of(bot, from_ms=life.from_ms, to_ms=life.to_ms)
    lanes, rules = _shadow(bot, life, turns)
    result = run(lanes, rules)
    marks = {lane.symbol: Decimal(str(lane.bars.close[-1])) for lane in lanes if len(lane.bars)}
    stretch = Stretch(bot.pk, Timeframe(bot.timeframe).ms, life.from_ms, life.to_ms, marks)
    ours = bot_side(stretch)
    found = compare(ours, shadow_side(stretch, lanes, result, ours))
    notes = [*([life.note] if life.note else []), *notes_of_turns(turns)]
    notes += notes_of(bot, from_ms=life.from_ms, to_ms=life.to_ms, now=now)
    return _store(bot, life, found, notes, now)


def start_drift(*, bot_id: int, by: User | None, now: datetime) -> Job:
    """A job that measures now; the open one if there is one."""
    bot = get_bot(bot_id)
    with transaction.atomic():
        job = Job.objects.filter(
            bot=bot, task=DRIFT, status__in=(Job.Status.QUEUED, Job.Status.RUNNING)
        ).first()
        if job is not None:
            return job
        job = Job.objects.create(bot=bot, task=DRIFT, created_by=by, created_at=now, updated_at=now)
        record(action="job.created", subject=f"job:{job.pk}", by=by, now=now, after={"task": DRIFT})
        events.job_progress(job, now=now)
    return job


def measure_drifts(*, now: datetime, budget_s: float = 30.0) -> int:
    """Measure bots that decided something since, the longest unmeasured first; how many."""
    deadline = clock.mono() + budget_s
    measured = 0
    for bot_id in _due(now):
        if clock.mono() >= deadline:
            break
        measured += measure_drift(bot_id=bot_id, now=now) is not None
    return measured


def _due(now: datetime) -> list[int]:
    BotDrift.objects.filter(measured_at__lt=now - KEPT_FOR).delete()
    rows = Bot.objects.filter(Q(status=Bot.Status.RUNNING) | Q(status=Bot.Status.FINISHED))
    stale = (
        rows.annotate(
            told=Max("drifts__to_ms"),
            at=Max("drifts__measured_at"),
            decided=Min("botsymbol__decided_ms"),
        )
        .filter(Q(told=None) | Q(status=Bot.Status.RUNNING, told__lt=F("decided")))
        .order_by(F("at").asc(nulls_first=True), "pk")
    )
    return list(stale.values_list("pk", flat=True)[:MOST_BOTS])


def _life(bot: Bot) -> _Life | None:
    """From the first decision to the last close that every lane has decided."""
    bar_ms = Timeframe(bot.timeframe).ms
    decisions = bot.decisions.filter(since_funded("decided_at"))
    first = decisions.aggregate(first=Min("candle_close_ms"))["first"]
    if first is None:
        return None
    born = int(first) - bar_ms
    end = BotSymbol.objects.filter(bot=bot).aggregate(end=Min("decided_ms"))["end"] or 0
    to_ms = Timeframe(bot.timeframe).floor(int(end))
    if to_ms <= born:
        return None
    cutoff = to_ms - MOST_CANDLES * bar_ms
    if born >= cutoff:
        return _Life(born, to_ms, bot.starting_cash)
    return _flat_life(bot, born, cutoff, to_ms)


def _flat_life(bot: Bot, born: int, cutoff: int, to_ms: int) -> _Life:
    """From the newest moment up to `cutoff` at which the bot held nothing."""
    timeframe, from_ms = Timeframe(bot.timeframe), cutoff
    trades = Trade.objects.filter(bot=bot)
    for _ in range(MOST_STEPS_BACK):
        at = clock.from_ms(from_ms + timeframe.ms)
        # One that opened in the first bar was decided on before it.
        across = trades.filter(opened_at__lt=at).exclude(closed_at__lte=clock.from_ms(from_ms))
        opened = across.aggregate(first=Min("opened_at"))["first"]
        if opened is None:
            break
        from_ms = timeframe.floor(clock.to_ms(opened)) - timeframe.ms
    else:
        from_ms = born
    if from_ms <= born:
        return _Life(born, to_ms, bot.starting_cash)
    before = trades.filter(closed_at__lte=clock.from_ms(from_ms))
    earned = sum(filter(None, before.values_list("pnl", flat=True)), Decimal(0))
    note = "Measured from the last flat moment before the newest 20,000 candles."
    return _Life(from_ms, to_ms, bot.starting_cash + earned, note)


def _shadow(bot: Bot, life: _Life, turns: Sequence[Turn]) -> tuple[list[Lane], Rules]:
    """What the engine needs to live this life again."""
    version, bar_ms = turns[-1].version, Timeframe(bot.timeframe).ms
    strategy = registry.get(version.strategy.name)
    params = strategy_queries.params_of(version)
    knobs = Knobs.model_validate(bot.knobs)
    past = PAST * max(turn.warmup for turn in turns)
    lanes = [
        lane_of(
            symbol.name,
            _bars(symbol, bot.timeframe, life, past),
            strategy,
            params,
            filters=filters_of(symbol),
            from_ms=life.from_ms,
        )
        for symbol in bot.symbols.order_by("botsymbol__rank")
    ]
    if len(turns) > 1:
        lanes = [with_turns(lane, turns, bar_ms=bar_ms) for lane in lanes]
    return lanes, Rules(
        timeframe_ms=bar_ms,
        cash=life.cash,
        terms=terms_of(knobs),
        limits=limits_of(knobs),
        exits=strategy.exits(params),
        rebalance=knobs.position_mode == "rebalance",
    )


def _bars(symbol: Symbol, timeframe: str, life: _Life, past: int) -> Any:
    before = store.load_bars(symbol.pk, timeframe, to_ms=life.from_ms, limit=past)
    first = int(before.open_ms[0]) if len(before) else life.from_ms
    return store.load_bars(symbol.pk, timeframe, from_ms=first, to_ms=life.to_ms)


def _store(bot: Bot, life: _Life, found: Drift, notes: Sequence[str], now: datetime) -> BotDrift:
    before = drift_of(bot.pk)
    with transaction.atomic():
        row = BotDrift.objects.create(
            bot=bot,
            from_ms=life.from_ms,
            to_ms=life.to_ms,
            decisions=found.decisions,
            mismatches=found.mismatches,
            fills=found.fills,
            fill_bps=None if found.fill_bps is None else float(found.fill_bps),
            gap=found.gap,
            price=found.price,
            fee=found.fee,
            missed=found.missed,
            timing=found.timing,
            detail=_detail(found, notes),
            measured_at=now,
        )
        alarming = _is_alarming(found.gap, life.cash)
        if alarming and not (before and _is_alarming(before.gap, life.cash)):
            record(
                action="bot.drifted",
                subject=f"bot:{bot.pk}",
                by=None,
                now=now,
                after={"gap": f"{row.gap:f}", "mismatches": row.mismatches},
            )
    return row


def _is_alarming(gap: Decimal, cash: Decimal) -> bool:
    return abs(gap) / cash * BPS > settings.ENV.drift_alarm_bps


def _detail(found: Drift, texts: Sequence[str]) -> list[dict[str, Any]]:
    notes = [{"kind": "note", "text": text} for text in texts]
    signals = [
        {
            "kind": "signal",
            "symbol": each.symbol,
            "close_ms": each.close_ms,
            "bot": each.bot,
            "shadow": each.shadow,
            "missing": each.missing,
        }
        for each in found.examples
    ]
    fills = [
        {"kind": "fill", "symbol": symbol, "side": side, "close_ms": decided_ms}
        for symbol, side, decided_ms in found.unmatched
    ]
    return [*notes, *signals, *fills]
