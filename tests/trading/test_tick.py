"""What happens each second: who is due, by conditional update, whoever ticks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings

from config import clock
from marketdata.queries import followed_symbols
from marketdata.services import unwatch_symbol
from tests.trading.factories import (
    BAR_MS,
    NOW,
    bars,
    later,
    make_bot,
    make_candles,
    make_order,
    make_replay,
    make_symbol,
    make_user,
    run,
)
from trading import services, tasks
from trading.errors import NotReady
from trading.models import Bot, Heartbeat, Job, SystemState
from trading.order_state import OrderStatus
from trading.services._audit import heads_file

pytestmark = pytest.mark.django_db


def tick(seconds: float = 0) -> services.Hints:
    return services.tick(process="beat", now=later(seconds))


def test_a_due_bot_is_hinted_once_however_many_tick() -> None:
    bot = make_replay([100.0] * 3)

    hints = [tick(1), tick(1), services.tick(process="feed", now=later(1))]

    assert [hint.bots for hint in hints] == [[bot.pk], [], []]


def test_a_hint_that_got_lost_is_repeated() -> None:
    bot = make_replay([100.0] * 3)
    tick(1)

    assert tick(10).bots == []
    assert tick(12).bots == [bot.pk]


def test_a_bot_is_due_again_when_it_said_so() -> None:
    bot = make_replay([100.0] * 100, speed=60)
    run(bot)

    bot.refresh_from_db()
    assert bot.due_at == later(1)
    assert tick(0.5).bots == []
    assert tick(1).bots == [bot.pk]


def test_a_time_from_before_the_clock_was_set_back_is_due_now() -> None:
    bot = make_replay([100.0] * 3)
    Bot.objects.filter(pk=bot.pk).update(due_at=NOW + timedelta(hours=1))

    assert tick(0).bots == [bot.pk]


@pytest.mark.parametrize("what", ["stopped", "finished", "paused", "halted", "scheduler"])
def test_nothing_is_due_while_it_may_not_run(what: str) -> None:
    bot = make_replay([100.0] * 3)
    if what == "finished":
        run(bot)
    elif what == "stopped":
        services.stop_bot(bot_id=bot.pk, by=None, now=NOW)
    elif what == "paused":
        services.pause_system(reason="", by=make_user(), now=NOW)
    elif what == "halted":
        services.emergency_stop(reason="", by=None, now=NOW)
    else:
        services.stop_scheduler(by=make_user(), now=NOW)

    assert tick(1).bots == []


def test_live_bots_hear_of_their_symbols_candles_only() -> None:
    one, other = make_symbol("BTC/USDT"), make_symbol("ETH/USDT")
    for symbol in (one, other):
        make_candles(symbol, bars([100.0], start_ms=clock.to_ms(NOW) - BAR_MS))
    mine, theirs = make_bot(one), make_bot(other)
    for bot in (mine, theirs):
        services.start_bot(bot_id=bot.pk, by=None, now=NOW)
    make_replay([100.0] * 3, symbol=one)

    assert services.bots_on(symbol_id=one.pk, timeframe="5m") == [mine.pk]
    assert services.bots_on(symbol_id=one.pk, timeframe="1h") == []
    SystemState.objects.update(state=SystemState.State.PAUSED)
    assert services.bots_on(symbol_id=one.pk, timeframe="5m") == []


def test_orders_that_lost_their_worker_ask_for_a_sweep() -> None:
    make_order(make_bot(), status=OrderStatus.UNKNOWN)

    assert tick(0).sweep


def test_every_process_shows_its_life() -> None:
    services.ensure_system_state(now=NOW)
    tick(0)

    assert Heartbeat.objects.get().process == "beat"
    assert not services.is_silent(process="beat", now=later(5))
    assert services.is_silent(process="beat", now=later(6))
    assert services.is_silent(process="feed", now=NOW)


def test_a_process_whose_last_sign_is_in_the_future_is_silent() -> None:
    services.ensure_system_state(now=NOW)
    services.tick(process="beat", now=NOW + timedelta(hours=1))

    assert services.is_silent(process="beat", now=NOW)


def test_the_feed_does_the_work_of_a_silent_beat() -> None:
    bot = make_replay([100.0] * 3)
    tick(0)
    Bot.objects.filter(pk=bot.pk).update(due_at=NOW)

    assert services.watch(now=later(2)).bots == []
    assert services.watch(now=later(7)).bots == [bot.pk]


def test_the_head_of_the_audit_log_is_exported_every_five_minutes() -> None:
    make_bot()

    tick(61)
    assert not heads_file().exists()
    tick(302)
    tick(303)

    assert len(heads_file().read_text().splitlines()) == 1


# Jobs


def test_a_waiting_backfill_is_hinted_once_and_again_when_it_idles() -> None:
    symbol = make_symbol(exchange="simulated")
    services.ensure_system_state(now=NOW)
    job = services.start_backfill(
        symbol=symbol, timeframe="5m", from_ms=0, to_ms=BAR_MS, by=None, now=NOW
    )

    assert [tick(second).jobs for second in (0, 2, 2)] == [[], [job.pk], []]
    Job.objects.filter(pk=job.pk).update(status=Job.Status.RUNNING)
    assert tick(30).jobs == []
    assert tick(63).jobs == [job.pk]


# The scheduler


def test_a_scheduler_that_is_off_runs_no_bot_until_it_is_on() -> None:
    bot, user = make_replay([100.0] * 3), make_user()

    assert not services.stop_scheduler(by=user, now=NOW).scheduler_on
    assert tick(1).bots == []
    assert services.start_scheduler(by=user, now=NOW).scheduler_on
    assert tick(2).bots == [bot.pk]


def test_the_scheduler_does_not_start_without_warm_candles() -> None:
    make_bot(strategy="sma_cross")
    user = make_user()
    services.stop_scheduler(by=user, now=NOW)

    with pytest.raises(NotReady) as error:
        services.start_scheduler(by=user, now=NOW)

    assert error.value.status == 409
    assert "are missing" in str(error.value.fields["reasons"])
    assert not SystemState.objects.get().scheduler_on


def test_the_loop_interval_is_when_a_quiet_live_bot_is_due() -> None:
    symbol = make_symbol()
    make_candles(symbol, bars([100.0], start_ms=clock.to_ms(NOW) - BAR_MS))
    bot = make_bot(symbol, strategy="buy_and_hold")
    services.start_bot(bot_id=bot.pk, by=None, now=NOW)

    run(bot, now=later(40))

    assert bot.due_at == later(40 + settings.ENV.bot_loop_interval_seconds)


def test_workers_that_are_behind_still_sweep_and_reconcile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Messages that expire before their turn comes would never be done, however many are sent."""
    sent: dict[str, float] = {}
    for task in (tasks.sweep_orders, tasks.reconcile_account):
        name = task.name
        monkeypatch.setattr(
            task, "apply_async", lambda name=name, **given: sent.update({name: given["expires"]})
        )

    tasks.send_hints(services.Hints(bots=[], jobs=[], sweep=True, accounts=(1,)))

    assert set(sent.values()) == {30}
    assert len(sent) == 2


@pytest.mark.usefixtures("clean_bus")
def test_what_a_running_bot_trades_is_followed_though_nobody_watches_it() -> None:
    bot = make_bot()
    Bot.objects.filter(pk=bot.pk).update(status=Bot.Status.RUNNING)
    symbol = bot.symbols.get()
    unwatch_symbol(symbol=symbol)

    services.watch(now=NOW.replace(second=10))

    assert symbol in followed_symbols(symbol.exchange, NOW.replace(second=40))
    Bot.objects.filter(pk=bot.pk).update(status=Bot.Status.STOPPED)
    assert symbol not in followed_symbols(symbol.exchange, NOW + timedelta(minutes=2))
