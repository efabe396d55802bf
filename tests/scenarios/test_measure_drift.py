"""A bot against a simulation of its own life, on recorded candles."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.replays import NOW, WILD, make_replay, run
from tests.scenarios.test_simulated_replay import CASES, replayed
from tests.strategies.factories import make_version
from trading import queries, services
from trading.models import AuditEvent, Bot, BotDrift, DecisionRecord, Fill, Job
from trading.services.research import _drift
from trading.services.research._drift_versions import Turn

pytestmark = [pytest.mark.django_db, pytest.mark.storeless]  # slow; test_replay has the store
LATER = NOW + timedelta(minutes=5)


def measured(bot: Bot) -> BotDrift:
    row = services.measure_drift(bot_id=bot.pk, now=LATER)
    assert row is not None
    return row


@pytest.mark.parametrize(("strategy", "paths", "params", "knobs"), CASES)
def test_a_replay_is_its_own_shadow_to_the_last_digit(
    strategy: str, paths: list[Path], params: dict[str, Any], knobs: dict[str, Any]
) -> None:
    bot = replayed(strategy, paths, params, knobs)

    drift = measured(bot)

    assert (drift.price, drift.fee, drift.missed, drift.timing, drift.gap) == (0, 0, 0, 0, 0)
    assert (drift.mismatches, drift.fill_bps, drift.detail) == (0, 0.0, [])
    assert drift.fills == Fill.objects.filter(bot=bot).count()
    assert drift.decisions > 2_000
    assert not AuditEvent.objects.filter(action="bot.drifted").exists()


def test_what_happened_differently_shows_in_its_part() -> None:
    bot = run(make_replay())
    buys = list(Fill.objects.filter(bot=bot, side="BUY").order_by("id"))
    Fill.objects.filter(pk=buys[0].pk).update(price=buys[0].price + 10)
    Fill.objects.filter(pk=buys[1].pk).update(fee=buys[1].fee + 1)
    decision = DecisionRecord.objects.filter(bot=bot).order_by("candle_close_ms")[900]
    DecisionRecord.objects.filter(pk=decision.pk).update(target=0.125)

    drift = measured(bot)

    assert drift.price == -10 * buys[0].qty
    assert drift.fee == -1
    assert (drift.missed, drift.timing) == (0, 0)
    assert drift.gap == drift.price + drift.fee
    assert drift.fill_bps is not None
    assert drift.fill_bps > 0
    assert drift.mismatches == 1
    assert drift.detail[0]["close_ms"] == decision.candle_close_ms


def test_a_bot_that_took_another_version_is_still_its_own_shadow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bot = make_replay()
    end_ms = bot.replay_to_ms or 0
    half_ms = ((bot.replay_from_ms or 0) + end_ms) // 2
    Bot.objects.filter(pk=bot.pk).update(replay_to_ms=half_ms)
    run(bot)
    quick = make_version("trend_ema_fast", fast=3, slow=8)
    Bot.objects.filter(pk=bot.pk).update(
        replay_to_ms=end_ms, status=Bot.Status.RUNNING, version=quick
    )
    bot = run(bot)

    drift = measured(bot)

    assert (drift.mismatches, drift.gap) == (0, 0)
    assert DecisionRecord.objects.filter(bot=bot).values("version").distinct().count() == 2
    assert [one["text"] for one in drift.detail] == [
        "Decided by v1, v2, in this order; the shadow has each in its time."
    ]
    # As if it had been the newest version all along: what this used to say.
    monkeypatch.setattr(_drift, "turns_of", lambda bot, from_ms, to_ms: [Turn(from_ms, quick)])
    assert measured(bot).mismatches > 20


def test_a_fill_that_the_bot_lacks_is_missed() -> None:
    bot = run(make_replay())
    buy = Fill.objects.filter(bot=bot, side="BUY").order_by("id")[0]
    # As if the order had never been filled.
    Fill.objects.filter(pk=buy.pk).update(bot=make_replay().pk)

    drift = measured(bot)

    assert drift.missed == drift.gap != 0
    assert drift.detail[0]["kind"] == "fill"


def test_a_gap_beyond_the_alarm_is_audited_once(settings: Any) -> None:
    bot = run(make_replay())
    buy = Fill.objects.filter(bot=bot, side="BUY").order_by("id")[0]
    Fill.objects.filter(pk=buy.pk).update(fee=buy.fee + 100)

    measured(bot)
    measured(bot)

    assert AuditEvent.objects.filter(action="bot.drifted").count() == 1


def test_a_bot_that_decided_nothing_has_no_drift() -> None:
    bot = make_replay()

    assert services.measure_drift(bot_id=bot.pk, now=NOW) is None
    assert queries.drift_of(bot.pk) is None


def test_a_long_life_is_measured_from_a_flat_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    bot = run(make_replay())
    monkeypatch.setattr(_drift, "MOST_CANDLES", 700)

    drift = measured(bot)

    held = bot.trades.filter(opened_at__lt=_at(drift.from_ms), closed_at__gt=_at(drift.from_ms))
    assert not held.exists()
    assert 700 <= (drift.to_ms - drift.from_ms) // 300_000 < 1_400
    assert (drift.missed, drift.timing, drift.mismatches) == (0, 0, 0)
    assert abs(drift.gap) < D("0.01")
    assert drift.detail[0]["kind"] == "note"


def test_a_round_measures_whom_it_has_not_measured_and_then_nobody() -> None:
    bot = run(make_replay())

    assert services.measure_drifts(now=LATER) == 1
    assert services.measure_drifts(now=LATER) == 0
    assert queries.drift_of(bot.pk) is not None


def test_a_person_asks_by_a_job_and_a_second_time_gets_the_same() -> None:
    bot = run(make_replay(WILD))
    job = services.start_drift(bot_id=bot.pk, by=None, now=NOW)

    assert services.start_drift(bot_id=bot.pk, by=None, now=NOW) == job
    assert not services.run_job(job_id=job.pk, now=LATER)

    job.refresh_from_db()
    assert job.status == Job.Status.DONE
    assert queries.drift_of(bot.pk) is not None


def _at(ms: int) -> Any:
    from config import clock

    return clock.from_ms(ms)
