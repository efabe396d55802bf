"""Clocks of exchanges: read again and again, on every stamp, and doubted when something jumps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal as D
from itertools import count

import pytest
import time_machine
from pytest_django import Settings

from config import clock
from config.feeding import Jumps
from tests.exchange import faults
from tests.exchange.emulator import Emulator
from tests.trading.factories import make_account
from trading import services
from trading.brokers import Outcome, Placement, Presence, Reference
from trading.costs import Filters
from trading.errors import AccountUnreachable
from trading.models import ExchangeAccount
from trading.services.accounts._brokers import broker_of
from trading.services.accounts._checks import check_account, watch_clocks
from trading.services.live._watch import live_watch_due

pytestmark = pytest.mark.django_db(transaction=True)

FILTERS = Filters(D("0.01"), D("0.00001"), D("0.00001"), D(5))


@dataclass
class Desk:
    emulator: Emulator
    account: ExchangeAccount

    def watch(self, **later: float) -> ExchangeAccount:
        watch_clocks(now=clock.now() + timedelta(**later))
        self.account.refresh_from_db()
        return self.account

    def place(self, client_id: str) -> Outcome:
        sent_ms = clock.now_ms() + self.account.offset_ms
        placement = Placement(
            client_id, "BTC/USDT", True, "LIMIT", D("0.01"), D(30_000), FILTERS, sent_ms=sent_ms
        )
        return broker_of(self.account).place(placement).outcome


@pytest.fixture(params=["binance", "bybit"])
def desk(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Desk]:
    with Emulator(request.param) as emulator:
        address = {f"{request.param}_base_url": emulator.url}
        settings.ENV = settings.ENV.model_copy(update=address)
        key = emulator.key
        account = make_account(exchange=request.param, key=key.key, secret=key.secret)
        yield Desk(emulator, account)


def test_the_offset_is_read_within_a_fraction_of_a_second(desk: Desk) -> None:
    desk.emulator.skew_ms = 700
    assert desk.watch(minutes=2).offset_ms == pytest.approx(700, abs=150)
    desk.emulator.skew_ms = -400
    assert desk.watch(minutes=4).offset_ms == pytest.approx(-400, abs=150)


@pytest.mark.parametrize("skew_ms", [-20_000, 20_000])
def test_with_the_offset_known_every_request_is_stamped_right(desk: Desk, skew_ms: int) -> None:
    desk.emulator.skew_ms = skew_ms
    desk.watch(minutes=2)
    assert desk.place("cs-one") is Outcome.ACKED
    broker = broker_of(desk.account)
    asked = Reference("cs-one", "BTC/USDT", "LIMIT")
    assert broker.find(asked).presence is Presence.FOUND
    assert broker.balances()
    assert broker.cancel(asked).code == "asked"
    assert desk.emulator.ledger.open_orders() == []


def test_a_slow_answer_is_asked_for_again(desk: Desk) -> None:
    desk.emulator.fail(faults.slow(1.2), path="ime", times=1)
    assert abs(desk.watch(minutes=2).offset_ms) < 150


def test_answers_that_are_all_slow_tell_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = count(step=3)  # between any two looks at the clock
    monkeypatch.setattr(clock, "mono", lambda: float(next(seconds)))
    broker = broker_of(desk.account)
    with pytest.raises(AccountUnreachable, match="s to arrive"):
        check_account(
            account_id=desk.account.pk, by=None, now=clock.now(), broker_of=lambda _: broker
        )


def test_a_clock_that_jumps_is_doubted_at_the_first_refusal_and_right_after_a_look(
    desk: Desk,
) -> None:
    desk.watch(minutes=2)
    assert desk.place("cs-one") is Outcome.ACKED
    desk.emulator.skew_ms = 30_000

    assert desk.place("cs-two") is Outcome.NOT_SENT  # refused for its stamp: it doesn't stand
    desk.account.refresh_from_db()
    assert desk.account.clock_at is None
    assert not desk.account.clock_is_right(clock.now())

    assert desk.watch().offset_ms == pytest.approx(30_000, abs=150)
    assert desk.place("cs-two") is Outcome.ACKED
    assert desk.emulator.ledger.duplicates() == {}


def test_nothing_is_bought_on_a_clock_that_was_not_read_lately(desk: Desk) -> None:
    now = clock.now()
    account = desk.watch(minutes=2)
    read_at = account.clock_at
    assert read_at is not None
    assert account.clock_is_right(read_at + timedelta(minutes=5))
    assert not account.clock_is_right(read_at + timedelta(minutes=5, seconds=1))
    assert not account.clock_is_right(now - timedelta(hours=1))  # our clock was set back


def test_a_doubted_clock_is_read_within_seconds_and_others_each_minute(desk: Desk) -> None:
    start = clock.from_ms(1_800_000_000_000)
    due = [n for n in range(40) if live_watch_due(start + timedelta(seconds=n))]
    assert due == [0, 1, 20, 21]  # reading again within 50 s is left out by the watch itself
    services.doubt_clocks(now=start)
    due = [n for n in range(20) if live_watch_due(start + timedelta(seconds=n))]
    assert due == [0, 1, 3, 6, 9, 12, 15, 18]


def test_a_wall_clock_that_jumps_is_noticed_within_a_second() -> None:
    jumps = Jumps()
    heard = [_look(jumps)]
    with time_machine.travel(clock.now() + timedelta(seconds=2), tick=True):
        heard += [_look(jumps), _look(jumps)]
    assert heard == [False, True, False]


def _look(jumps: Jumps) -> bool:
    jumps.unheard = False
    jumps.look()
    return jumps.unheard
