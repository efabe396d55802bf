"""Starting and stopping: refused with reasons, claimed by one, never undone by a late worker."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config import clock
from tests.trading.factories import (
    BAR_MS,
    MIDNIGHT_MS,
    NOW,
    QUICK,
    QUICK_WARMUP,
    bars,
    later,
    make_account,
    make_bot,
    make_candles,
    make_replay,
    make_symbol,
    make_user,
    no_quotes,
    quote,
    run,
)
from trading import services
from trading.errors import (
    BotAlreadyRunning,
    BotBusy,
    BotNotRunning,
    LiveNotGranted,
    NotReady,
    SystemHalted,
)
from trading.models import AuditEvent, Bot, DecisionRecord, Job, SystemState
from trading.models.bots import BotSymbol
from trading.services._books import LEASE, claim_bot, release_bot

pytestmark = pytest.mark.django_db


def live(*, candles: int = QUICK_WARMUP, until: int = 0) -> Bot:
    """A stopped bot with this many candles; the newest closed `until` candles ago."""
    symbol = make_symbol()
    if candles:
        start = clock.to_ms(NOW) - (candles + until) * BAR_MS
        make_candles(symbol, bars([100.0] * candles, start_ms=start))
    return make_bot(symbol, strategy="sma_cross", params=QUICK)


def start(bot: Bot) -> Job:
    return services.start_bot(bot_id=bot.pk, by=None, now=NOW)


def test_a_started_bot_runs_is_due_and_has_a_job() -> None:
    bot, user = live(), make_user()

    job = services.start_bot(bot_id=bot.pk, by=user, now=NOW)

    bot.refresh_from_db()
    assert (bot.status, bot.due_at, job.status) == (Bot.Status.RUNNING, NOW, Job.Status.QUEUED)
    assert (job.bot, job.task, job.created_by) == (bot, "bot.run", user)
    assert AuditEvent.objects.get(action="bot.started").actor == user.username
    assert bot.symbols.get().watched


@pytest.mark.parametrize(
    ("candles", "until", "reason"),
    [
        (0, 0, "47 of 47 5m candles"),
        (QUICK_WARMUP - 1, 0, "1 of 47 5m candles"),
        (QUICK_WARMUP, 5, "5 candles old"),
    ],
)
def test_a_start_without_warm_up_is_refused_with_the_reasons(
    candles: int, until: int, reason: str
) -> None:
    bot = live(candles=candles, until=until)

    with pytest.raises(NotReady) as error:
        start(bot)

    assert (error.value.status, error.value.code) == (409, "NOT_READY")
    reasons = error.value.fields["reasons"]
    assert isinstance(reasons, list)
    assert reason in reasons[0]
    bot.refresh_from_db()
    assert not bot.is_running
    assert not Job.objects.exists()


def test_a_replay_needs_a_candle_in_its_range() -> None:
    bot = make_bot(replay=services.Replay(MIDNIGHT_MS, MIDNIGHT_MS + BAR_MS))

    with pytest.raises(NotReady, match="can't start"):
        start(bot)


@pytest.mark.parametrize("status", [Bot.Status.RUNNING, Bot.Status.FINISHED])
def test_what_runs_or_is_finished_does_not_start(status: str) -> None:
    bot = live()
    Bot.objects.filter(pk=bot.pk).update(status=status)

    with pytest.raises(BotAlreadyRunning):
        start(bot)

    assert not Job.objects.exists()


def test_nothing_starts_in_an_emergency_stop() -> None:
    bot = live()
    services.emergency_stop(reason="fire", by=None, now=NOW)

    with pytest.raises(SystemHalted):
        start(bot)


def test_live_trading_has_no_grant() -> None:
    bot = live()
    Bot.objects.filter(pk=bot.pk).update(paper_mode=False, account=make_account())

    with pytest.raises(LiveNotGranted):
        start(bot)


def test_a_stop_ends_the_job_and_is_one_event() -> None:
    bot = live()
    job = start(bot)

    services.stop_bot(bot_id=bot.pk, by=None, now=later(1), reason="enough")

    bot.refresh_from_db()
    job.refresh_from_db()
    assert (bot.status, bot.stop_requested, bot.due_at) == (Bot.Status.STOPPED, True, None)
    assert (job.status, job.message) == (Job.Status.DONE, "enough")
    with pytest.raises(BotNotRunning):
        services.stop_bot(bot_id=bot.pk, by=None, now=later(2))
    assert AuditEvent.objects.filter(action="bot.stopped").count() == 1


def test_a_canceled_job_stops_its_bot() -> None:
    bot = live()
    job = start(bot)

    services.cancel_job(job_id=job.pk, by=None, now=later(1))

    bot.refresh_from_db()
    assert not bot.is_running


# The lease


def test_one_worker_at_a_time_holds_a_bot() -> None:
    bot = live()

    first = claim_bot(bot_id=bot.pk, now=NOW)

    assert first
    assert claim_bot(bot_id=bot.pk, now=later(29)) is None
    release_bot(bot=first, due_at=None)
    second = claim_bot(bot_id=bot.pk, now=later(29))
    assert second
    assert second.fence == first.fence + 1


def test_a_lease_that_ran_out_is_taken_over() -> None:
    bot = live()
    first = claim_bot(bot_id=bot.pk, now=NOW)

    second = claim_bot(bot_id=bot.pk, now=NOW + LEASE + timedelta(seconds=1))

    assert first
    assert second
    release_bot(bot=first, due_at=None)  # late: it must not free what is another's
    bot.refresh_from_db()
    assert bot.lease_until is not None


def test_a_lease_from_before_the_clock_was_set_back_does_not_hold_for_an_hour() -> None:
    bot = live()
    claim_bot(bot_id=bot.pk, now=NOW + timedelta(hours=1))

    assert claim_bot(bot_id=bot.pk, now=NOW)


def test_a_bot_whose_worker_lives_is_not_run_twice() -> None:
    bot = make_replay([100.0] * 5)
    claim_bot(bot_id=bot.pk, now=NOW)

    assert not services.run_bot(bot_id=bot.pk, now=NOW)
    with pytest.raises(BotBusy):
        services.run_cycle(bot_id=bot.pk, by=None, now=NOW)

    assert not DecisionRecord.objects.exists()


def test_a_redelivered_task_finds_nothing_to_do() -> None:
    bot = run(make_replay([100.0] * 5))

    for _ in range(3):
        assert not services.run_bot(bot_id=bot.pk, now=NOW)

    assert DecisionRecord.objects.count() == 5


# A stop, a change or another worker in the middle of a cycle


def _during(bot: Bot, happens: object) -> None:
    """Run a live cycle in which this happens while the quote is being fetched."""

    def quote_for(symbol_id: int) -> object:
        happens()  # type: ignore[operator]
        return quote(100.0, at=later(1))

    services.run_bot(bot_id=bot.pk, now=later(1), quote_for=quote_for)  # type: ignore[arg-type]


def test_a_stop_during_a_cycle_is_not_overwritten_and_ends_it() -> None:
    bot = live()
    start(bot)

    _during(bot, lambda: services.stop_bot(bot_id=bot.pk, by=None, now=later(1)))

    bot.refresh_from_db()
    assert (bot.status, bot.lease_until, bot.due_at) == (Bot.Status.STOPPED, None, None)
    assert not DecisionRecord.objects.exists()


def test_a_cycle_does_not_go_on_in_a_bot_that_was_stopped_changed_and_started() -> None:
    bot = live()
    start(bot)

    def replace() -> None:
        if DecisionRecord.objects.exists():
            return
        services.stop_bot(bot_id=bot.pk, by=None, now=later(1))
        services.set_knobs(bot_id=bot.pk, knobs={"cooldown_candles": 9}, by=None, now=later(1))
        start(bot)

    _during(bot, replace)

    assert not DecisionRecord.objects.exists()
    services.run_bot(bot_id=bot.pk, now=later(2), quote_for=no_quotes)
    assert DecisionRecord.objects.count() == 1


def test_a_worker_that_lost_its_bot_writes_nothing() -> None:
    bot = live()
    start(bot)

    _during(bot, lambda: claim_bot(bot_id=bot.pk, now=later(100)))

    bot.refresh_from_db()
    assert not DecisionRecord.objects.exists()
    assert bot.lease_until is not None  # the other one's


def test_turning_knobs_during_a_cycle_keeps_both() -> None:
    bot = live()
    start(bot)

    _during(
        bot,
        lambda: services.set_knobs(
            bot_id=bot.pk, knobs={"cooldown_candles": 9}, by=None, now=later(1)
        ),
    )

    bot.refresh_from_db()
    assert bot.knobs["cooldown_candles"] == 9
    assert DecisionRecord.objects.count() == 1


# By hand


def test_a_cycle_by_hand_decides_the_newest_candle_of_a_stopped_bot() -> None:
    bot, user = live(), make_user()

    records = services.run_cycle(bot_id=bot.pk, by=user, now=later(1), quote_for=no_quotes)

    assert [record.reason for record in records] == ["flat_no_signal"]
    assert DecisionRecord.objects.count() == 1
    assert AuditEvent.objects.get(action="bot.cycle_run").actor == user.username
    bot.refresh_from_db()
    assert (bot.status, bot.lease_until) == (Bot.Status.STOPPED, None)


def test_a_cycle_by_hand_of_a_replay_begins_at_its_start() -> None:
    symbol = make_symbol()
    end = make_candles(symbol, bars([100.0] * 10))
    bot = make_bot(symbol, replay=services.Replay(MIDNIGHT_MS + 5 * BAR_MS, end))

    for _ in range(2):
        services.run_cycle(bot_id=bot.pk, by=None, now=NOW)

    closes = DecisionRecord.objects.order_by("id").values_list("candle_close_ms", flat=True)
    assert list(closes) == [MIDNIGHT_MS + 6 * BAR_MS, MIDNIGHT_MS + 7 * BAR_MS]


def test_a_cycle_by_hand_needs_a_running_system() -> None:
    bot = live()
    SystemState.objects.update(state=SystemState.State.PAUSED)

    with pytest.raises(SystemHalted):
        services.run_cycle(bot_id=bot.pk, by=None, now=NOW)


def test_a_bot_stopped_while_it_is_cycled_by_hand_says_so() -> None:
    bot = live()
    start(bot)

    def stopping(symbol_id: int) -> None:
        services.stop_bot(bot_id=bot.pk, by=None, now=later(1))

    with pytest.raises(BotBusy):
        services.run_cycle(bot_id=bot.pk, by=None, now=later(1), quote_for=stopping)

    assert not DecisionRecord.objects.exists()


def test_cursors_of_a_start_never_go_back() -> None:
    bot = live()
    ahead = clock.to_ms(NOW) + 10 * BAR_MS
    BotSymbol.objects.filter(bot=bot).update(decided_ms=ahead)

    start(bot)

    assert BotSymbol.objects.get(bot=bot).decided_ms == ahead
