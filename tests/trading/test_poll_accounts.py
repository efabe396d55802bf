"""Asking accounts for their working orders: cheaply where there are few, at once when hurried."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.conf import settings
from pytest_django import Settings

from config import clock
from config.rate_budget import Priority, shared_budget
from tests.exchange import faults
from tests.trading.listening import LiveAccount, filled, live_account
from trading import queries, services
from trading.models import ExchangeAccount, Reconciliation
from trading.services._resolve import FEW

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_bus")]


@pytest.fixture(params=["binance", "bybit"])
def desk(request: pytest.FixtureRequest, settings: Settings) -> Iterator[LiveAccount]:
    with live_account(request.param, settings) as desk:
        yield desk


def poll(seconds: float = 5) -> None:
    services.sweep_orders(now=clock.now() + timedelta(seconds=seconds))


def lists(desk: LiveAccount) -> int:
    """How often all working orders were asked for at once."""
    rows = desk.emulator.ledger.requests
    return sum("openOrders" in row.path or "openOnly" in row.params for row in rows)


def test_few_orders_are_asked_for_one_by_one_and_many_at_once(desk: LiveAccount) -> None:
    orders = [desk.place("0.001") for _ in range(FEW)]
    desk.fill(orders[1])
    poll()
    assert (lists(desk), filled(orders[1])) == (0, D("0.001"))

    orders += [desk.place("0.001") for _ in range(2)]
    desk.fill(orders[-1])
    poll(10)
    assert (lists(desk), filled(orders[-1])) == (1, D("0.001"))
    assert filled(orders[0]) == 0


def test_an_account_of_which_no_order_is_told_is_not_reached(desk: LiveAccount) -> None:
    Reconciliation.objects.create(account=desk.account)
    desk.place()
    desk.emulator.fail(faults.reset, path="GET", times=99)
    poll()
    assert Reconciliation.objects.get(account=desk.account).unreachable_since is not None


def test_our_own_restraint_is_no_word_about_the_exchange(desk: LiveAccount) -> None:
    Reconciliation.objects.create(account=desk.account)
    for _ in range(FEW + 1):
        desk.place("0.001")
    (rates,) = queries.account_rates()
    budget = shared_budget(settings.ENV.rate_budget_share)
    shared = [use.window for use in rates.uses if use.window.name.endswith((":weight", "requests"))]
    for window in shared:
        while budget.take([], [(window, 1)], Priority.POLL).granted:
            pass

    poll()

    assert lists(desk) == 0
    assert Reconciliation.objects.get(account=desk.account).unreachable_since is None


def test_an_order_is_left_alone_while_it_is_young_unless_somebody_heard_of_it(
    desk: LiveAccount,
) -> None:
    order = desk.place()
    desk.fill(order)
    desk.poll_later()
    ExchangeAccount.objects.filter(pk=desk.account.pk).update(
        polled_at=clock.now() - timedelta(seconds=9)
    )
    services.sweep_orders(now=clock.now())
    assert filled(order) == 0

    services.hurry_account(account_id=desk.account.pk)
    services.sweep_orders(now=clock.now())
    assert filled(order) == D("0.01")
