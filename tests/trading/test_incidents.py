"""What has gone wrong elsewhere and no other test is about. See docs/operating/incidents.md."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from decimal import Decimal as D
from typing import Any

import pytest
from django.conf import settings as project
from django.db import connection

from config import clock
from tests.architecture.sources import ROOT, sources
from tests.exchange import faults
from tests.trading.factories import later, make_bot, make_order
from tests.trading.fake_broker import FakeBroker
from tests.trading.order_desk import CANCELING, PLACING, Desk, desk, now_at, steps
from tests.trading.reconciling import reconcile, submit
from trading import services
from trading.brokers import Outcome, Placement, Presence, Reference
from trading.brokers.live import Credentials, LiveBroker
from trading.models import Fill, HaltRequest, Incident, Order, Position, ReconcileRun
from trading.order_state import OrderStatus as S
from trading.services import _orders

__all__ = ["desk"]

pytestmark = pytest.mark.django_db(transaction=True)

GONE = {  # how an exchange says that it knows of no such order
    "binance": (
        faults.refused({"code": -2013, "msg": "Order does not exist."}),
        "GET /api/v3/order",
    ),
    "bybit": (faults.mangled(lambda rows: []), "GET /v5/order"),
}
KINDS = [
    ("LIMIT", D(40_000), None),
    ("MARKET", None, None),
    ("STOP_MARKET", D(41_000), None),
    ("STOP_LIMIT", D(41_000), D(40_900)),
]


@pytest.fixture(autouse=True)
def unpaced(request: pytest.FixtureRequest) -> None:
    """The emulator has no limits to keep to."""
    if "desk" in request.fixturenames:
        request.getfixturevalue("desk").broker._client.enableRateLimit = False


@pytest.mark.parametrize("exchange", ["binance", "bybit"])
def test_no_layer_below_us_repeats_a_request(exchange: str) -> None:
    client = LiveBroker(exchange, Credentials("k", "s"))._client

    assert {adapter.max_retries.total for adapter in client.session.adapters.values()} == {0}
    assert client.options["maxRetriesOnFailure"] == 0
    assert client.session.max_redirects == 0


def test_an_order_without_our_id_cannot_be_made() -> None:
    first = fields(Placement)[0]
    others: dict[str, Any] = dict.fromkeys(field.name for field in fields(Placement)[1:])

    assert first.name == "client_order_id"
    with pytest.raises(TypeError):
        Placement(**others)
    assert not Order._meta.get_field("client_order_id").has_default()
    assert Order._meta.get_field("client_order_id").unique


def test_only_one_line_of_the_product_hands_an_order_over() -> None:
    found = [
        f"{source.path}:{node.func.attr}"
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"place", "create_order", "createOrder"}
    ]

    assert found == ["trading/services/_orders.py:place"]


@pytest.mark.parametrize(("kind", "price", "limit"), KINDS, ids=[kind for kind, *_ in KINDS])
def test_an_order_of_each_type_is_found_by_our_id_when_its_answer_is_lost(
    desk: Desk, kind: str, price: D | None, limit: D | None
) -> None:
    order = desk.order()
    placement = Placement(
        client_order_id="cs-lost",
        symbol="BTC/USDT",
        buy=kind in ("LIMIT", "MARKET"),
        kind=kind,
        qty=D("0.01"),
        price=price,
        filters=_orders.filters_of(order),
        limit_price=limit,
    )
    desk.spoil(faults.answer_lost)

    assert desk.broker.place(placement).outcome is Outcome.UNKNOWN
    found = desk.broker.find(Reference("cs-lost", "BTC/USDT", kind))

    assert found.presence is Presence.FOUND
    assert (desk.posts, len(desk.emulator.ledger.by_client_id("cs-lost"))) == (1, 1)


def test_an_order_that_is_no_longer_found_is_judged_by_its_trades(desk: Desk) -> None:
    reconcile(desk, 0)
    desk.began = clock.now()  # a request is valid for five seconds
    order = desk.submit(desk.order())
    desk.emulator.fill(order.client_order_id)
    spoil, path = GONE[desk.account.exchange]
    desk.spoil(spoil, path=path, times=99)

    desk.sweep(3, 6, 9)
    assert now_at(order).status == S.OPEN
    reconcile(desk, 30)

    assert (now_at(order).status, Fill.objects.count()) == (S.FILLED, 1)


def test_a_part_that_filled_before_its_cancel_counts_beside_the_next_order(desk: Desk) -> None:
    first = desk.submit(desk.order())
    desk.emulator.fill(first.client_order_id, "0.004")
    services.cancel_all_orders(by=None, now=desk.at(1), cause="replaced", broker_for=desk)
    second = submit(desk, desk.order(type="MARKET"), at=2)
    desk.sweep(4, 6, 8)

    assert (now_at(first).status, now_at(first).filled_qty) == (S.CANCELED, D("0.004"))
    assert now_at(second).status == S.FILLED
    fees = sum((fill.fee for fill in Fill.objects.filter(fee_asset="BTC")), D(0))
    assert Position.objects.get().qty == D("0.014") - fees


def test_a_restart_drops_none_of_many_working_orders(desk: Desk) -> None:
    orders = [desk.submit(desk.order(price=str(39_000 + n), qty="0.001")) for n in range(14)]
    desk.broker = LiveBroker(  # what another process would make
        desk.account.exchange,
        Credentials(desk.emulator.key.key, desk.emulator.key.secret),
        base_url=desk.emulator.url,
    )
    desk.emulator.fill(orders[0].client_order_id)

    desk.sweep(3, 5)

    assert [now_at(order).status for order in orders] == [S.FILLED, *[S.OPEN] * 13]
    assert Position.objects.get().qty > 0
    assert desk.posts == 14


@pytest.mark.parametrize("guard", ["claim_denial", "grant_denial"])
def test_a_guard_that_breaks_lets_no_order_through(
    guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, broker = make_order(make_bot()), FakeBroker()

    def broken(*given: Any, **named: Any) -> None:
        raise AttributeError("no such guard")

    monkeypatch.setattr(_orders, guard, broken)
    with pytest.raises(AttributeError):
        services.submit_order(order_id=order.pk, now=later(1), broker_for=broker)
    services.sweep_orders(now=later(2), broker_for=broker)

    assert (now_at(order).status, broker.placed, steps(order)) == (S.NEW, [], [])


def test_a_stop_that_breaks_after_its_first_row_has_stopped_all_claims(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order, broker = make_order(make_bot()), FakeBroker()
    monkeypatch.setattr("trading.services._system._stop_all_bots", lambda now: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        services.emergency_stop(reason="fire", by=None, now=later(1))
    services.sweep_orders(now=later(2), broker_for=broker)

    assert HaltRequest.objects.filter(lifted_at=None).exists()
    assert (now_at(order).status, broker.placed) == (S.DENIED, [])


def test_no_answer_to_anything_is_no_difference_and_ends_nothing(desk: Desk) -> None:
    reconcile(desk, 0)
    desk.began = clock.now()
    order = desk.submit(desk.order())
    desk.spoil(faults.status(502), path="GET ", times=999)
    desk.spoil(faults.status(502), path=CANCELING[desk.account.exchange], times=999)

    for at in range(2, 30, 4):
        desk.sweep(at)
    run = reconcile(desk, 30)

    assert run.outcome not in (ReconcileRun.Outcome.CLEAN, ReconcileRun.Outcome.DIFFERENT)
    assert (now_at(order).status, Incident.objects.count()) == (S.OPEN, 0)
    assert desk.emulator.ledger.asked(PLACING[desk.account.exchange])[1:] == []


@pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite")
def test_sqlite_waits_for_its_turn_instead_of_failing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        journal = cursor.fetchone()[0]
        cursor.execute("PRAGMA busy_timeout")
        patience_ms = cursor.fetchone()[0]

    assert journal == "wal"
    assert patience_ms >= 5_000
    assert project.DATABASES["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_celery_is_of_the_line_that_outlives_its_bus() -> None:
    pins = (ROOT / "requirements" / "run.txt").read_text()

    assert re.search(r"^celery==5\.6\.", pins, re.MULTILINE)


def test_no_task_is_sent_to_wait() -> None:
    """A task that waits longer than the bus is patient runs twice."""
    waits = [
        f"{source.path}:{node.lineno}"
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and any(word.arg in ("eta", "countdown") for word in node.keywords)
    ]

    assert waits == []
    patience_s = project.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
    assert patience_s > project.CELERY_TASK_TIME_LIMIT
