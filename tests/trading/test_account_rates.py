"""How much of the exchanges' limits is used can be seen: in code, in readiness, in metrics."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from config import clock
from config.metrics import exposition
from tests.brokers.test_live import PLACING
from tests.exchange import faults
from tests.trading.listening import LiveAccount, live_account
from trading import queries, services
from trading.order_state import OrderStatus as S

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_bus")]


@pytest.fixture(params=["binance", "bybit"])
def desk(request: pytest.FixtureRequest, settings: Settings) -> Iterator[LiveAccount]:
    with live_account(request.param, settings) as desk:
        yield desk


def test_what_bots_do_is_counted_for_their_account(desk: LiveAccount) -> None:
    desk.place()
    (rates,) = queries.account_rates()
    used = {use.window.name.rpartition(":")[2]: use.used for use in rates.uses}
    orders = "orders" if desk.account.exchange == "binance" else "create"
    assert used[orders] == 1
    assert 0 < rates.fullest < 0.1
    assert rates.closed_s == 0


def test_an_exchange_that_wants_silence_makes_us_unready_and_cancels_wait_for_its_end(
    desk: LiveAccount,
) -> None:
    order = desk.place()
    desk.emulator.fail(faults.status(418, retry_after=60), path="GET", times=1)
    services.sweep_orders(now=clock.from_ms(clock.now_ms() + 5_000))

    gates = {gate.name: gate for gate in queries.readiness(clock.now())}
    assert not gates["rate_budget"].ok
    assert "wants no request" in gates["rate_budget"].reasons[0]
    asked = len(desk.emulator.ledger.requests)
    services.cancel_all_orders(by=None, now=clock.now(), cause="test")
    order.refresh_from_db()
    assert (order.status, order.pending_cancel_at is not None) == (S.OPEN, True)
    assert len(desk.emulator.ledger.requests) == asked


def test_fifty_orders_are_canceled_without_one_request_too_many(desk: LiveAccount) -> None:
    desk.emulator.limits.enforce = True
    for _ in range(50):
        desk.place("0.0002")
    services.cancel_all_orders(by=None, now=clock.now(), cause="test")
    assert desk.emulator.ledger.open_orders() == []
    assert len(desk.emulator.ledger.asked(PLACING[desk.account.exchange])) == 50
    assert {row.outcome for row in desk.emulator.ledger.requests} == {"200"}


def test_metrics_tell_use_silence_and_streams(desk: LiveAccount) -> None:
    desk.place()
    text = exposition().decode()
    name = desk.account.name
    assert f'rate_closed_seconds{{account="{name}"}} 0.0' in text
    assert f'account_stream_up{{account="{name}"}} 0.0' in text
    assert f'rate_used_ratio{{account="{name}",window=' in text
