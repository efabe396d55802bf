"""What the tests of reconciliation share: cycles at an emulator, and what they leave."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal as D
from typing import Any

import orjson
import pytest
from django.db import connection

from tests.exchange import faults
from tests.trading.factories import make_user
from tests.trading.order_desk import Desk
from trading import services
from trading.brokers import AccountBroker
from trading.models import (
    AuditEvent,
    BalanceAdjustment,
    ExchangeAccount,
    Fill,
    FillCursor,
    Incident,
    OpeningBalance,
    Order,
    OrderIntent,
    ReconcileRun,
)
from trading.services.reconciliation._reconcile import due_accounts

OPEN_ORDERS = {"binance": "GET /api/v3/openOrders", "bybit": "GET /v5/order/realtime"}
FILLS = {"binance": "GET /api/v3/myTrades", "bybit": "GET /v5/execution/list"}
BALANCES = {"binance": "GET /api/v3/account", "bybit": "GET /v5/account/wallet-balance"}
CANCELING = {"binance": "DELETE /api/v3/order", "bybit": "POST /v5/order/cancel"}


@pytest.fixture(autouse=True)
def unpaced(desk: Desk) -> None:
    """The emulator has no limits to keep to, and is slow only where the machine is."""
    desk.broker._client.enableRateLimit = False
    desk.broker._client.timeout = 10_000


def reconcile(desk: Desk, at: float) -> ReconcileRun:
    def broker_of(account: ExchangeAccount) -> AccountBroker:
        return desk.broker

    run = services.reconcile_account(
        account_id=desk.account.pk, now=desk.at(at), broker_of=broker_of
    )
    assert run is not None
    return run


def submit(desk: Desk, order: Order, at: float) -> Order:
    """At that time by the exchange's clock, too: it takes no request from the future."""
    desk.emulator.skew_ms = round(at * 1000)
    sent = desk.submit(order, at=at)
    desk.emulator.skew_ms = 0
    return sent


def reconciled(desk: Desk, *at: float) -> list[str]:
    return [reconcile(desk, seconds).outcome for seconds in at]


def rows() -> dict[str, int]:
    models: list[Any] = [
        Fill, Order, OrderIntent, Incident, OpeningBalance, BalanceAdjustment, FillCursor,
    ]  # fmt: skip
    return {model.__name__: model.objects.count() for model in models}


def actions() -> list[str]:
    kept = AuditEvent.objects.filter(action__startswith="incident.").order_by("seq")
    return [action.removeprefix("incident.") for action in kept.values_list("action", flat=True)]


def put_aside(order: Order) -> None:
    """As if a backup from before the order had been restored."""
    with connection.cursor() as cursor:
        for table in ("trading_ordertransition", "trading_order"):
            column = "id" if table == "trading_order" else "order_id"
            cursor.execute(f"DELETE FROM {table} WHERE {column} = %s", [order.pk])  # noqa: S608


def acknowledge(desk: Desk, incident: Incident) -> Any:
    person = make_user()
    services.acknowledge_incident(
        incident_id=incident.pk, reason="a transfer", by=person, now=desk.at(62)
    )
    return person


def shifted(answer: faults.Answer, by: int) -> faults.Answer:
    body = orjson.loads(answer.body)
    if "balances" in body:
        held, field = body["balances"][0], "free"
    else:
        held, field = body["result"]["list"][0]["coin"][0], "walletBalance"
    held[field] = str(D(held[field]) + by)
    return faults.Answer(answer.status, orjson.dumps(body), answer.headers)


def due(desk: Desk, at: float) -> bool:
    now: datetime = desk.at(at)
    return due_accounts(now).filter(pk=desk.account.pk).exists()
