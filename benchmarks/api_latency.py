"""How long do the endpoints take, from a client on the same machine to one web process?

A running server over a seeded database: 5,000 candles with an indicator, 20 bots, 2,000
decisions, 500 orders with fills, 3,000 equity snapshots. Each endpoint is asked over one kept
connection and then all reads by four clients at once; `/health/live`, which does nothing, is
asked beside them. Ends with 1 when a 95th percentile is above its bound.

    python -m benchmarks.api_latency     # SQLite, and PostgreSQL when DATABASE_URL is set
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import httpx
import numpy as np

if TYPE_CHECKING:
    from trading.models import Bot

READ_BOUND_MS, WRITE_BOUND_MS = 250.0, 500.0
HEALTH_BOUND_MS = 20.0
READS, WRITES, CLIENTS = 150, 40, 4
CANDLES, BOTS, DECISIONS, ORDERS, SNAPSHOTS = 5000, 20, 2000, 500, 3000

MINUTES = "symbol=BTCUSDT&interval=1m"
PATHS = (
    "/health/live",
    "/health",
    "/db-health",
    "/api/v1/auth/me",
    "/api/v1/symbols",
    "/api/v1/tickers",
    f"/api/v1/candles?{MINUTES}&limit=500",
    f"/api/v1/candles?{MINUTES}&limit=5000",
    "/api/v1/market/ohlcv?symbol=BTCUSDT&timeframe=1m&limit=5000",
    f"/api/v1/indicators?{MINUTES}&name=sma&limit=5000",
    "/api/v1/bots",
    "/api/v1/bots/1",
    "/api/v1/bots/1/decisions",
    "/api/v1/portfolio",
    "/api/v1/portfolio/history",
    "/api/v1/metrics/performance",
    "/api/v1/positions",
    "/api/v1/orders",
    "/api/v1/fills",
    "/api/v1/trades",
    "/api/v1/jobs",
    "/api/v1/strategies",
    "/api/v1/strategies/trend_ema/versions",
    "/api/v1/system/readiness",
    "/api/v1/audit",
)

Times = dict[str, list[float]]


def main() -> int:
    """Measure each store in a process of its own: settings are read once per process."""
    if "--here" in sys.argv:
        return _measure_here()
    command = [sys.executable, "-m", "benchmarks.api_latency", "--here"]
    urls = dict.fromkeys(["", os.environ.get("DATABASE_URL", "")])
    return max(
        subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=False).returncode
        for url in urls
    )


def _measure_here() -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with _scratch_database() as (vendor, url):
        secret, bot_id = _seed()
        with _server(url) as address:
            headers = {"Authorization": f"Bearer {secret}"}
            with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
                reads = {path: _time(client, "GET", path, READS) for path in PATHS}
                crowd = _crowd(address, headers)
                writes = _writes(client, bot_id)
    print(f"{vendor}: one web process, one client")
    kept = [_report(path, times, _bound_ms(path)) for path, times in reads.items()]
    print(f"{vendor}: {CLIENTS} clients at once")
    kept.append(_report("all reads", crowd, READ_BOUND_MS))
    print(f"{vendor}: writes, one client, each with an Idempotency-Key")
    kept += [_report(name, times, WRITE_BOUND_MS) for name, times in writes.items()]
    return 0 if all(kept) else 1


@contextmanager
def _scratch_database() -> Iterator[tuple[str, str]]:
    """(vendor, DATABASE_URL for the server) of a database that is gone afterwards."""
    from django.core.management import call_command
    from django.db import connection

    if connection.vendor != "postgresql":
        call_command("migrate", verbosity=0)  # in the private state directory of this process
        yield connection.vendor, ""
        return
    name, url = connection.settings_dict["NAME"], urlparse(os.environ["DATABASE_URL"])
    scratch = connection.settings_dict["TEST"]["NAME"] = f"countersign_bench_{os.getpid()}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield connection.vendor, url._replace(path=scratch).geturl()
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def _seed() -> tuple[str, int]:
    """The rows; returns an operator's token and the id of the bot that has most of them."""
    from config import clock
    from marketdata.indicators import Spec
    from marketdata.services import refresh_stale_indicators, subscribe_indicators
    from marketdata.timeframes import Timeframe
    from strategies import services as strategy_services
    from tests.api import factories
    from trading import services

    now = clock.now()
    services.ensure_system_state(now=now)
    services.sync_roles()
    strategy_services.sync_strategies(now=now)
    symbol = factories.make_symbol()
    factories.make_candles(symbol, many=CANDLES)
    factories.make_candles(symbol, timeframe=Timeframe.H1)
    factories.make_quote(symbol)
    sma = Spec.of("sma", {})
    subscribe_indicators(symbol=symbol, timeframe=Timeframe.M1, specs=[sma])
    refresh_stale_indicators()
    bots = [factories.make_bot(name=f"Bot {number}") for number in range(BOTS)]
    _seed_history(bots[0])
    return factories.make_api("operator").secret, bots[0].pk


def _seed_history(bot: Bot) -> None:
    from config import clock
    from trading.models import DecisionRecord, Fill, Order, OrderIntent, PortfolioSnapshot, Trade

    symbol, now = bot.symbols.get(), clock.now()
    DecisionRecord.objects.bulk_create(
        DecisionRecord(
            bot=bot,
            symbol=symbol,
            timeframe="1m",
            candle_close_ms=number * 60_000,
            action="HOLD",
            reason="already_long",
            price=1.0,
            decided_at=now,
        )
        for number in range(DECISIONS)
    )
    PortfolioSnapshot.objects.bulk_create(
        PortfolioSnapshot(
            bot=bot,
            equity=Decimal(10_000 + number % 97),
            cash=Decimal(5_000),
            positions_value=Decimal(5_000 + number % 97),
            drawdown=0.0,
            at=now - timedelta(minutes=number),
        )
        for number in range(SNAPSHOTS)
    )
    sides = {"bot": bot, "symbol": symbol, "side": "BUY", "qty": Decimal("0.01")}
    intents = OrderIntent.objects.bulk_create(
        OrderIntent(idempotency_key=f"b{n}", reason="manual", epoch=1, decided_at=now, **sides)
        for n in range(ORDERS)
    )
    orders = Order.objects.bulk_create(
        Order(
            intent=intent,
            client_order_id=intent.idempotency_key,
            type="MARKET",
            status="FILLED",
            created_at=now,
            updated_at=now,
            **sides,
        )
        for intent in intents
    )
    trade = Trade.objects.create(bot=bot, symbol=symbol, entry_reason="manual", opened_at=now)
    Fill.objects.bulk_create(
        Fill(
            order=order,
            trade=trade,
            exchange_fill_id=order.client_order_id,
            price=Decimal(50_000),
            fee=Decimal("0.5"),
            fee_asset="USDT",
            liquidity="TAKER",
            at=now,
            **sides,
        )
        for order in orders
    )


@contextmanager
def _server(database_url: str) -> Iterator[str]:
    """The web process as the supervisor starts it, on a free port."""
    from config import processes

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url,
        "LOG_LEVEL": "ERROR",
    }
    argv = processes.web("--host", "127.0.0.1", "--port", str(port))
    server = subprocess.Popen(argv, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/health/live", server)
        yield address
    finally:
        server.terminate()
        server.wait()


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + 30
    while time.monotonic() < give_up_at and server.poll() is None:
        try:
            httpx.get(url)
        except httpx.ConnectError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("The server did not start.")


def _time(client: httpx.Client, method: str, path: str, times: int) -> list[float]:
    """Milliseconds of each request, after two that warm caches."""
    return [_ask(client, method, path) for _ in range(times + 2)][2:]


def _ask(client: httpx.Client, method: str, path: str, **request: Any) -> float:
    started = time.perf_counter()
    answer = client.request(method, path, **request)
    took = (time.perf_counter() - started) * 1000
    assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:200]}"
    return took


def _crowd(address: str, headers: dict[str, str]) -> list[float]:
    """Every read by several clients at the same time."""

    def walk(_: int) -> list[float]:
        with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
            return [_ask(client, "GET", path) for _ in range(10) for path in PATHS]

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [took for times in pool.map(walk, range(CLIENTS)) for took in times]


def _writes(client: httpx.Client, bot_id: int) -> Times:
    """Each write as a client would send it, once per round."""
    times: Times = {}

    def write(name: str, path: str, body: object = None) -> Any:
        key = f"{name.replace(' ', '-')}-{len(times.get(name, []))}"
        started = time.perf_counter()
        answer = client.post(f"/api/v1/{path}", json=body, headers={"Idempotency-Key": key})
        times.setdefault(name, []).append((time.perf_counter() - started) * 1000)
        assert answer.is_success, f"{name}: {answer.status_code} {answer.text[:200]}"
        return answer.json()

    for number in range(WRITES):
        _round(write, bot_id, number)
    return times


def _round(write: Callable[..., Any], bot_id: int, number: int) -> None:
    bot = {"name": "B", "symbols": ["BTC/USDT"], "timeframe": "1h", "strategy": "buy_and_hold"}
    made = write("create a bot", "bots", {**bot, "knobs": {"max_price_age_s": 3600}})
    write("turn a knob", f"bots/{bot_id}/knobs", {"cooldown_candles": number % 5})
    write("start a bot", f"bots/{made['id']}/start")
    write("stop a bot", f"bots/{made['id']}/stop")
    buy = {"bot_id": made["id"], "symbol": "BTC/USDT", "side": "BUY", "qty": "0.01"}
    intent = write("ask for an intent", "orders/intents", buy)
    order = write("place an order", "orders/place", {"intent_id": intent["id"]})
    write("cancel an order", f"orders/{order['id']}/cancel")
    point = {"time": 1704067200000, "price": 1.5}
    drawing = {"symbol": "BTCUSDT", "shape_type": "text", "points": [point]}
    write("draw", "annotations", drawing)


def _bound_ms(path: str) -> float:
    return HEALTH_BOUND_MS if "health" in path else READ_BOUND_MS


def _report(name: str, times: list[float], bound_ms: float) -> bool:
    p50, p95, worst = np.percentile(times, [50, 95, 100])
    kept = bool(p95 <= bound_ms)
    verdict = "" if kept else f"  BROKEN: p95 > {bound_ms:.0f} ms"
    print(f"  {name:62} p50 {p50:7.2f}  p95 {p95:7.2f}  max {worst:7.2f} ms{verdict}")
    return kept


if __name__ == "__main__":
    raise SystemExit(main())
