"""What fails by itself reaches the audit log, and from there whoever wants to be told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django import Settings

from approvals import services as approval_services
from approvals.models import Notification
from marketdata import services as marketdata_services
from marketdata.models import Circuit, FeedInterruption, Symbol, Ticker
from tests.approvals.factories import make_channel, make_person
from tests.trading.factories import NOW, later, make_bot, make_symbol
from tests.trading.live_desk import set_env
from trading import services, tasks, watching
from trading.models import AuditEvent, Bot, Watchpoint
from trading.services import _failures

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_bus")]

See = Callable[..., list[str]]


@pytest.fixture
def see() -> See:
    """Looks each five seconds from one moment to another, while the named processes live."""

    def over(start: float, end: float, *, alive: tuple[str, ...] = ("beat", "feed")) -> list[str]:
        told: list[str] = []
        for seconds in range(int(start), int(end) + 1, 5):
            for process in alive:
                services.beat_heart(process=process, now=later(seconds))
            told += services.tell_failures(now=later(seconds))
        return told

    return over


def make_priced(name: str = "BTC/USDT", *, exchange: str = "simulated", age_s: float = 0) -> Symbol:
    """A followed symbol whose price is of that age at NOW, and fresh an hour from then on."""
    symbol = make_symbol(name, exchange=exchange)
    Symbol.objects.filter(pk=symbol.pk).update(watched=True)
    freshen(symbol, -age_s)
    return symbol


def make_running(symbol: Symbol) -> Bot:
    bot = make_bot(symbol)
    Bot.objects.filter(pk=bot.pk).update(status=Bot.Status.RUNNING)
    return bot


def freshen(symbol: Symbol, seconds: float) -> None:
    Ticker.objects.update_or_create(symbol=symbol, defaults={"last": 1.0, "at": later(seconds)})


def break_circuit(state: str = Circuit.State.OPEN) -> None:
    Circuit.objects.update_or_create(
        pk="binance",
        defaults={"state": state, "failures": 3, "last_error": "timed out", "changed_at": NOW},
    )


def test_nothing_is_told_and_nothing_is_written_while_all_is_well(see: See) -> None:
    assert see(0, 30) == []
    assert not Watchpoint.objects.exists()


def test_an_open_circuit_is_told_with_its_reason_and_its_end(see: See) -> None:
    break_circuit()
    assert see(0, 30) == ["circuit.opened"]
    opened = AuditEvent.objects.get()
    assert (opened.subject, opened.actor) == ("circuit:binance", "system")
    assert opened.reason == "Left alone after 3 failures: timed out"

    break_circuit(Circuit.State.CLOSED)
    assert see(35, 90) == []
    assert see(95, 100) == ["circuit.closed"]
    assert AuditEvent.objects.latest("seq").reason == "It lasted 35 s."
    assert not Watchpoint.objects.exists()


def test_a_circuit_that_opens_and_closes_for_minutes_is_told_once(see: See) -> None:
    said = []
    for start in range(0, 300, 20):
        break_circuit()
        said += see(start, start + 10)
        break_circuit(Circuit.State.CLOSED)
        said += see(start + 15, start + 15)

    assert said == ["circuit.opened"]


def test_an_exchange_without_prices_is_told_once_not_once_a_symbol(see: See) -> None:
    for name in ("BTC/USDT", "ETH/USDT"):
        make_running(make_priced(name, age_s=20))

    assert see(0, 120) == ["feed.stale"]
    event = AuditEvent.objects.latest("seq")
    assert event.subject == "feed:simulated"
    assert event.reason == "No new price: the newest is 80 s old."


def test_one_late_symbol_is_told_when_running_bots_trade_it(see: See) -> None:
    late, fine = make_priced("BTC/USDT", age_s=20), make_priced("ETH/USDT")
    freshen(fine, 3600)
    make_priced("ADA/USDT", age_s=20)
    bot = make_running(late)

    assert see(0, 60) == ["feed.stale"]
    assert AuditEvent.objects.latest("seq").subject == f"symbol:{late.pk}"

    Bot.objects.filter(pk=bot.pk).update(status=Bot.Status.STOPPED)
    assert see(65, 200) == []
    assert not Watchpoint.objects.exists()


def test_a_symbol_that_was_unwatched_under_a_running_bot_is_told(see: See) -> None:
    freshen(make_priced("ETH/USDT"), 3600)
    left = make_priced("BTC/USDT", age_s=20)
    make_running(left)
    Symbol.objects.filter(pk=left.pk).update(watched=False)

    assert see(0, 60) == ["feed.stale"]
    assert AuditEvent.objects.latest("seq").subject == f"symbol:{left.pk}"


def test_how_long_is_too_long_is_a_setting(see: See, settings: Settings) -> None:
    set_env(settings, notify_stale_s=300)
    make_priced(age_s=20)

    assert see(0, 295) == []
    assert see(300, 300) == ["feed.stale"]


def test_stale_prices_that_an_open_circuit_explains_are_not_told_beside_it(
    see: See, settings: Settings
) -> None:
    set_env(settings, exchanges=("binance",))
    make_priced(exchange="binance", age_s=20)
    break_circuit()

    assert see(0, 300) == ["circuit.opened"]


def test_a_dead_feed_is_told_by_beat_and_its_stale_prices_are_not(see: See) -> None:
    make_priced(age_s=20)
    services.beat_heart(process="feed", now=NOW)

    assert see(0, 120, alive=("beat",)) == ["process.silent"]
    assert AuditEvent.objects.get().reason == "feed shows no life."


def test_a_dead_beat_is_told_by_the_feed() -> None:
    told = []
    for seconds in range(60):
        services.beat_heart(process="feed", now=later(seconds))
        told += services.tell_failures_for_beat(now=later(seconds))

    assert told == ["process.silent"]
    assert AuditEvent.objects.get().subject == "process:beat"


def test_the_feed_leaves_it_to_beat_while_that_is_alive() -> None:
    break_circuit()
    for seconds in range(60):
        services.beat_heart(process="beat", now=later(seconds))
        assert services.tell_failures_for_beat(now=later(seconds)) == []


def test_a_long_interruption_of_the_streams_is_told_though_prices_are_fresh(see: See) -> None:
    freshen(make_priced(), 3600)
    cause = FeedInterruption.Cause.SILENT
    row = FeedInterruption.objects.create(
        exchange="simulated", cause=cause, began_at=NOW, symbols=["BTC/USDT"], detail="no pong"
    )

    assert see(0, 55) == []
    assert see(60, 60) == ["feed.interrupted"]
    assert AuditEvent.objects.latest("seq").reason == (
        "Since 00:00:00 nothing was said any more, 1 symbols: no pong"
    )
    FeedInterruption.objects.filter(pk=row.pk).update(outcome=FeedInterruption.Outcome.WHOLE)
    assert see(65, 125) == ["feed.resumed"]


@pytest.mark.parametrize(("stood_by", "action"), [(True, "taken_over"), (False, "restarted")])
def test_another_holder_of_the_lease_is_told_when_it_stays(
    see: See, stood_by: bool, action: str
) -> None:
    marketdata_services.claim_lease(holder="one:1", now=NOW)
    if stood_by:
        assert not marketdata_services.claim_lease(holder="two:2", now=NOW)
    assert see(0, 20) == []

    marketdata_services.claim_lease(holder="two:2", now=later(60))
    assert see(60, 65) == []
    assert see(70, 100) == [f"feed.{action}"]
    event = AuditEvent.objects.get()
    assert (event.before, event.after) == ({"holder": "one:1"}, {"holder": "two:2"})


def test_a_lease_that_comes_back_at_once_is_no_takeover(see: See) -> None:
    marketdata_services.claim_lease(holder="one:1", now=NOW)
    see(0, 5)
    marketdata_services.claim_lease(holder="two:2", now=later(60))
    see(60, 60)
    marketdata_services.claim_lease(holder="one:1", now=later(120))

    assert see(65, 120) == []


def test_who_looked_a_moment_too_late_tells_nothing(see: See) -> None:
    break_circuit()
    see(0, 5)
    seen = Watchpoint.objects.get()

    assert see(10, 10) == ["circuit.opened"]
    assert not _failures._keep(seen.pk, seen, watching.Standing(NOW, None, True))


def test_what_failed_reaches_channels_by_its_name(see: See) -> None:
    make_channel(by=make_person())
    approval_services.follow(now=NOW)
    break_circuit()
    see(0, 15)

    approval_services.follow(now=later(20))

    assert Notification.objects.get().title == "An exchange is left alone: binance"


def test_beat_runs_it_every_few_seconds(settings: Settings) -> None:
    plan = settings.CELERY_BEAT_SCHEDULE

    assert plan["tell-failures"]["schedule"] <= 5
    tasks.tell_failures()
