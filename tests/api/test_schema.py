"""The OpenAPI document says what the server does: each answer is held against its schema."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver
from jsonschema import Draft202012Validator

from approvals.services._archive import models_key
from config import clock
from config.api_docs import document
from config.schema import WRITES
from marketdata.indicators import Spec
from marketdata.models import DeadLetter, Symbol
from marketdata.services import drawings, refresh_stale_indicators, subscribe_indicators
from marketdata.timeframes import Timeframe
from strategies import services as strategy_services
from tests.access.walk import routes
from tests.api.factories import Api, make_bot, make_order, make_ready_bot, make_symbol
from tests.api.test_portfolio import make_snapshot
from tests.approvals.asking import make_table
from tests.approvals.factories import make_advice
from tests.strategies.looks import spiking
from tests.trading.factories import make_account, make_grant, make_incident, make_reconcile_run
from tests.trading.simulating import finished, searched
from trading import services
from trading.brokers import OrderReport
from trading.models import Bot, BotDrift, ExchangeAccount, Order, Reconciliation
from trading.order_state import OrderStatus
from trading.reconciliation import evidence_of

BTC = {"symbol": "BTCUSDT"}
MINUTES = {**BTC, "interval": "1m"}
QUERY: dict[str, dict[str, str]] = {
    "/api/v1/candles": MINUTES,
    "/api/v1/market/ohlcv": {**BTC, "timeframe": "1m"},
    "/api/v1/indicators": {**MINUTES, "name": "sma"},
    "/api/v1/ai/optimizer/propose": {"strategy": "trend_ema_fast"},
    **{f"/api/v1/{path}": BTC for path in ("signals", "signals_tf", "debug/state")},
    "/api/v1/debug/features": BTC,
}
FOUND: tuple[str, ...] = ("simulation_id", "search_id", "account_id", "grant_id", "incident_id")
FOUND += ("call_id", "review_id", "suggestion_id", "approval_id")
NOT_JSON = {
    "/api/v1/sse",
    "/api/v1/audit/export",
    "/api/v1/simulations/{simulation_id}/export.{kind}",
}


@pytest.fixture
def seeded(admin: Api) -> dict[str, Any]:
    """One of everything, and the ids that fill the paths."""
    bot = make_ready_bot()
    symbol = make_symbol()
    sma = Spec.of("sma", {})
    subscribe_indicators(symbol=symbol, timeframe=Timeframe.M1, specs=[sma])
    refresh_stale_indicators()
    order = make_order(admin, bot)
    fill(order["id"])
    admin.post(f"bots/{bot.pk}/cycle")
    make_snapshot(bot, minutes_ago=5, equity="10000")
    make_snapshot(bot)
    make_drift(bot)
    job = admin.post(f"bots/{bot.pk}/start").json()["job"]
    admin.post("strategies/trend_ema/versions", {"params": {"fast": 8}})
    point = {"time": 1704067200000, "price": 1.5}
    drawing = drawings.create_annotation(
        symbol=symbol, shape_type="text", points=[point], by=admin.user, now=clock.now()
    )
    DeadLetter.objects.create(
        kind="candle", digest="d", source="x", payload=[1], reason="odd", at=clock.now()
    )
    account = make_account()
    make_reconciled(account)
    make_noticed(symbol)
    return {
        "agent": "rvol_spike",
        "incident_id": make_incident(account).pk,
        "account_id": account.pk,
        "grant_id": make_grant(bot, account).pk,
        "bot_id": bot.pk,
        "order_id": order["id"],
        "job_id": job["id"],
        "annotation_id": drawing.pk,
        "strategy": "trend_ema",
        "simulation_id": finished().pk,
        "search_id": searched().pk,
        "approval_id": make_table(now=clock.now()).ask().pk,
        "number": 1,
        "policy": "activation",
        **make_advised(),
    }


def make_advised() -> dict[str, Any]:
    """A review, its suggestion and its call; the list of models as if it had just been asked."""
    cache.set(models_key(), ["model-a"])
    advice = make_advice(now=clock.now())
    return {
        "call_id": advice.call_id,
        "review_id": advice.review_id,
        "suggestion_id": advice.pk,
    }


def make_reconciled(account: ExchangeAccount) -> None:
    """An account with a live bot, a cycle and an order of somebody else."""
    bot = make_bot(name="Live")
    Bot.objects.filter(pk=bot.pk).update(paper_mode=False, account=account)
    make_reconcile_run(account, orders_seen=1, external_orders=1)
    external = OrderReport(
        "web_1", "9", "BTC/USDT", True, Decimal("0.002"), None, Decimal(0), OrderStatus.OPEN, 1
    )
    Reconciliation.objects.update(external_orders=[evidence_of(external)])


def make_noticed(symbol: Symbol) -> None:
    """A live state, an agent that ran, its finding, a posture and a signal."""
    now = clock.now()
    strategy_services.sync_agents(now=now)
    spiking(symbol, at=now)
    for name in ("rvol_spike", "trend_score"):
        strategy_services.run_agent(name=name, now=now)
    strategy_services.mark_signal_executed(
        symbol_id=symbol.pk,
        timeframe="1m",
        candle_close_ms=60_000,
        strategy="sma_cross",
        kind="ENTER",
        price=1.0,
        details={},
        now=now,
    )


def make_drift(bot: Bot) -> None:
    """A measurement with a detail of each kind."""
    BotDrift.objects.create(
        bot=bot,
        from_ms=0,
        to_ms=300_000,
        decisions=1,
        mismatches=1,
        fills=1,
        fill_bps=0.5,
        gap=Decimal("-1.25"),
        price=Decimal(-1),
        fee=Decimal("-0.25"),
        missed=Decimal(0),
        timing=Decimal(0),
        detail=[
            {"kind": "note", "text": "Stopped."},
            {
                "kind": "signal",
                "symbol": "BTC/USDT",
                "close_ms": 300_000,
                "bot": 1.0,
                "shadow": None,
                "missing": "",
            },
            {"kind": "fill", "symbol": "BTC/USDT", "side": "BUY", "close_ms": 300_000},
        ],
        measured_at=clock.now(),
    )


def fill(order_id: int) -> None:
    """A fill by the books' own verb: position and open trade come from it."""
    order = Order.objects.select_related("bot", "symbol").get(pk=order_id)
    report = services.FillReport(
        exchange_fill_id="f1",
        qty=Decimal("0.01"),
        price=Decimal(50_000),
        fee=Decimal("0.5"),
        fee_asset="USDT",
        maker=False,
        at=clock.now(),
    )
    services.apply_fills(order=order, reports=[report], now=clock.now())


def read_paths() -> list[str]:
    paths: dict[str, Any] = document()["paths"]
    return [path for path, each in paths.items() if "get" in each and path not in NOT_JSON]


def test_the_document_is_valid_and_complete(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn")

    assert "openapi: 3.1.0" in capsys.readouterr().out


def test_every_answer_has_the_shape_that_is_written(admin: Api, seeded: dict[str, Any]) -> None:
    for path in read_paths():
        url = path.removeprefix("/api/v1/").format(**seeded)

        answer = admin.get(url, **QUERY.get(path, {}))

        assert answer.status_code == 200, (path, answer.content)
        body = answer.json()
        assert problems(body, path, "200") == [], path
        rows = body.get("results", [1]) if isinstance(body, dict) else body
        assert body != {"drift": None}
        assert rows, f"nothing was seeded for {path}, so nothing was proved"


def test_every_refusal_has_the_shape_that_is_written(console: None) -> None:
    names = ("bot_id", "order_id", "job_id", "annotation_id", "number")
    texts = dict.fromkeys(("strategy", "agent", "policy"), "x")
    ids = {**dict.fromkeys(names, 1), **dict.fromkeys(FOUND, 1), **texts}
    for path in read_paths():
        if path == "/api/v1/health":
            continue  # for everybody
        answer = Api().get(path.removeprefix("/api/v1/").format(**ids))

        assert answer.status_code == 401, path
        assert problems(answer.json(), path, "401") == [], path


def problems(body: object, path: str, status: str) -> list[str]:
    """Where a body differs from its schema; a field that isn't named there counts too."""
    response = document()["paths"][path]["get"]["responses"][status]
    schema = response["content"]["application/json"]["schema"]
    shapes = document()["components"]["schemas"]
    closed = {name: _closed(shape) for name, shape in shapes.items()}
    validator = Draft202012Validator({**schema, "components": {"schemas": closed}})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") == "object" and "additionalProperties" not in schema:
        return {**schema, "additionalProperties": False}
    return schema


def test_every_write_takes_a_key_and_lists_its_refusals() -> None:
    for path, operations in document()["paths"].items():
        for method in set(operations) & set(WRITES):
            names = [each["name"] for each in operations[method]["parameters"]]
            assert "Idempotency-Key" in names, path
            refusals = {"400", "401", "403", "409", "422", "429"}
            assert refusals <= set(operations[method]["responses"]), path


def test_the_document_names_every_versioned_route_once() -> None:
    listed = set(document()["paths"])
    served = {
        route.pattern
        for route in routes(get_resolver())
        if route.pattern.startswith("/api/v1/") and not route.pattern.endswith(("/docs", "/schema"))
    }
    assert {path.replace("{", "<").replace("}", ">") for path in listed} == served


def test_the_document_is_for_people_of_the_console(viewer: Api) -> None:
    assert viewer.get("schema").json()["info"]["title"] == "Countersign"
    assert Api().get("schema").status_code == 401


def test_the_page_of_the_api_shows_every_operation(viewer: Api) -> None:
    browser = Client()
    browser.force_login(viewer.user)  # type: ignore[arg-type]

    page = browser.get("/api/v1/docs").content.decode()

    for path, operations in document()["paths"].items():
        assert path in page
        assert all(each["operationId"] in page for each in operations.values())
    assert "<script>" not in page
    assert "style=" not in page
