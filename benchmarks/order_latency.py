"""From an intent to its acknowledgement, from a stop to nothing open, and what faults cost.

The real services on a scratch database, at an emulated exchange in a process of its own. What the
exchange itself takes (from the first byte that leaves to the last one that comes) is measured and
taken off. Needs a machine with nothing else to do.

    python -m benchmarks.order_latency [latency] [flat] [faults]

on SQLite, and on PostgreSQL when DATABASE_URL is set.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from tests.exchange.remote import EmulatorProcess
    from trading.models import Bot, ExchangeAccount, Order

ORDERS, OPEN_AT_STOP, FAULTY, BOTS = 100, 50, 100, 10
DELAY_S = 0.1  # of the exchange, in the second case
PACE_S = 0.2  # between two orders: below the limits of both exchanges
RECONCILE_S = 5.0  # more often than the product does, for more cycles
CHANCE = 0.1  # of a fault
PLACING = {"binance": "POST /api/v3/order", "bybit": "POST /v5/order/create"}
# Of an order on its way; together as often as CHANCE.
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("answer_lost", {}),
    ("reset", {}),
    ("status", {"code": 502, "accepted": True}),
    ("status", {"code": 503}),
    ("accepted_late", {"seconds": 3}),
)
FOREVER = 10**9


def main() -> int:
    """Measure each store in a process of its own: settings are read once per process."""
    if "--here" in sys.argv:
        return _measure_here()
    command = [sys.executable, "-m", "benchmarks.order_latency", "--here", *sys.argv[1:]]
    urls = dict.fromkeys(["", os.environ.get("DATABASE_URL", "")])
    return max(
        subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=False).returncode
        for url in urls
    )


def _measure_here() -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    wanted = set(sys.argv) & set(PARTS) or set(PARTS)
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        print(f"== {connection.vendor}, load {os.getloadavg()[0]:.1f}", flush=True)
        for exchange in ("binance", "bybit"):
            with _desk(exchange) as desk:
                for part, measure in PARTS.items():
                    if part in wanted and (part == "latency" or exchange == "binance"):
                        measure(desk)
    finally:
        teardown_databases(databases, verbosity=0)
    return 0


@dataclass
class Desk:
    """A granted live bot whose exchange is `process`."""

    process: EmulatorProcess
    account: ExchangeAccount
    bots: list[Bot]  # an entry waits while another one of its bot has no verdict
    admin: User
    wire_s: list[float] = field(default_factory=list)  # what the exchange took, newest last
    numbers: Iterator[int] = field(default_factory=count)

    def order(self, kind: str = "LIMIT") -> Order:
        """One order by hand: risk rules, intent, claim, request, verdict."""
        from config import clock
        from tests.trading.factories import quote
        from trading import services

        now = clock.now()
        number = next(self.numbers)
        asked: dict[str, Any] = {"by": self.admin, "now": now, "live": True}
        asked["quote_for"] = lambda symbol_id: quote(42_000.0, at=now)
        intent = services.create_intent(
            bot_id=self.bots[number % len(self.bots)].pk,
            symbol=self.bots[0].symbols.get(),
            side="BUY",
            qty=Decimal("0.001"),
            type=kind,
            price=Decimal(38_000) if kind == "LIMIT" else None,
            idempotency_key=f"bench-{number}",
            **asked,
        )
        return services.place_order(intent_id=intent.pk, **asked)


@contextmanager
def _desk(exchange: str) -> Iterator[Desk]:
    from django.conf import settings

    from tests.exchange.remote import EmulatorProcess

    with EmulatorProcess(exchange, every_s=0) as process:
        base_url = {f"{exchange}_base_url": process.url}
        settings.ENV = settings.ENV.model_copy(update=base_url)
        desk = _seeded(exchange, process)
        with _timed_wire(desk):
            yield desk


def _seeded(exchange: str, process: EmulatorProcess) -> Desk:
    from config import clock
    from marketdata.models import Ticker
    from tests.trading.factories import (
        make_account,
        make_bot,
        make_grant,
        make_symbol,
        make_user,
    )
    from trading.models import Bot

    symbol = make_symbol(
        exchange=exchange, qty_step="0.00001", min_qty="0.00001", price_tick="0.01"
    )
    Ticker.objects.update_or_create(symbol=symbol, defaults={"last": 42_000.0, "at": clock.now()})
    account = make_account(
        exchange, exchange=exchange, key=process.key.key, secret=process.key.secret
    )
    bots = [make_bot(symbol, name=f"{exchange} {n}", cash="100000") for n in range(BOTS)]
    Bot.objects.filter(pk__in=[bot.pk for bot in bots]).update(paper_mode=False, account=account)
    for bot in bots:
        bot.refresh_from_db()
        make_grant(bot, account, max_order=Decimal(10**5), max_exposure=Decimal(10**6))
    return Desk(process, account, bots, make_user("admin"))


@contextmanager
def _timed_wire(desk: Desk) -> Iterator[None]:
    """Note how long each request is away."""
    import requests

    send = requests.Session.send

    def timed(session: Any, request: Any, **given: Any) -> Any:
        began = time.perf_counter()
        try:
            return send(session, request, **given)
        finally:
            desk.wire_s.append(time.perf_counter() - began)

    requests.Session.send = timed  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        requests.Session.send = send  # type: ignore[method-assign]


def _latency(desk: Desk) -> None:
    for _ in range(5):  # what is loaded at the first use
        _watch_clock(desk)
        desk.order()
    _watch_clock(desk)
    for delay_s in (0.0, DELAY_S):
        if delay_s:
            path = PLACING[desk.account.exchange]
            desk.process.remote.fail("slow", path=path, times=FOREVER, seconds=delay_s)
        totals, wire, cpu = [], [], []
        for _ in range(ORDERS):
            desk.wire_s.clear()
            began, used = time.perf_counter(), time.process_time()
            order = desk.order()
            totals.append(time.perf_counter() - began)
            cpu.append(time.process_time() - used)
            wire.append(sum(desk.wire_s))
            assert order.status == "OPEN", (order.status, order.reject_code, order.intent.denial)
            time.sleep(PACE_S)
        desk.process.remote.heal()
        own = [total - away for total, away in zip(totals, wire, strict=True)]
        print(
            f"{desk.account.exchange:8} exchange +{delay_s * 1000:3.0f} ms: intent to"
            f" acknowledged {_ms(totals)}, the exchange's {_ms(wire)}, ours {_ms(own)},"
            f" of a processor {_ms(cpu)}",
            flush=True,
        )
        _cancel_all(desk)


def _watch_clock(desk: Desk) -> None:
    """As beat does each minute."""
    from config import clock
    from trading import services

    services.watch_clocks(now=clock.now())
    desk.account.refresh_from_db()
    assert desk.account.clock_is_right(clock.now())


def _time_to_flat(desk: Desk) -> None:
    cases: dict[str, list[tuple[str, dict[str, Any]]]] = {
        "no fault": [],
        "each answer 50 ms late": [("slow", {"seconds": 0.05})],
        "10 % of answers lost": [("answer_lost", {"chance": CHANCE})],
    }
    for name, faults in cases.items():
        _watch_clock(desk)
        for _ in range(OPEN_AT_STOP):
            desk.order()
            time.sleep(PACE_S)
        for fault, given in faults:
            desk.process.remote.fail(fault, times=FOREVER, **given)
        print(f"{desk.account.exchange:8} {name}: {_stopped(desk)}", flush=True)
        desk.process.remote.heal()


def _stopped(desk: Desk) -> str:
    """Stop, sweep each second as the tick does, until nothing is open on either side."""
    from config import clock
    from trading import services

    began = clock.now()
    proof = services.emergency_stop(reason="measured", by=desk.admin, now=began)
    returned_s = (clock.now() - began).total_seconds()
    sweeps = _sweep_until_rest()
    books_s = (clock.now() - began).total_seconds()
    since_ms = clock.to_ms(began)
    ended = [row["updated_ms"] - since_ms for row in _rows(desk)]
    assert not [row for row in _rows(desk) if row["status"] in ("NEW", "PARTIALLY_FILLED")]
    services.resume_system(reason="measured", by=desk.admin, now=clock.now())
    return (
        f"no claim after {proof.halted_s * 1000:.0f} ms, asked for all after {returned_s:.1f} s,"
        f" none open there after {max(ended) / 1000:.1f} s, books closed after {books_s:.1f} s"
        f" ({sweeps} sweeps)"
    )


def _faults(desk: Desk) -> None:
    from config import clock
    from trading import services
    from trading.errors import IntentDenied
    from trading.models import Order

    _watch_clock(desk)
    services.reconcile_account(account_id=desk.account.pk, now=clock.now())
    remote, first = desk.process.remote, Order.objects.count()
    for name, given in FAULTS:
        chance = CHANCE / len(FAULTS)
        path = PLACING[desk.account.exchange]
        remote.fail(name, path=path, times=FOREVER, chance=chance, **given)
    for path in ("GET ", "DELETE "):
        remote.fail("reset", path=path, times=FOREVER, chance=CHANCE)
    swept = reconciled = time.monotonic()
    held = 0
    for number in range(FAULTY):
        try:
            desk.order("MARKET" if number % 2 else "LIMIT")
        except IntentDenied:  # its bot waits for the verdict on another order
            held += 1
        time.sleep(PACE_S)
        if time.monotonic() > swept + 1:
            swept = time.monotonic()
            services.watch_clocks(now=clock.now())
            services.sweep_orders(now=clock.now())
        if time.monotonic() > reconciled + RECONCILE_S:
            reconciled = time.monotonic()
            services.reconcile_account(account_id=desk.account.pk, now=clock.now())
    _sweep_until_resolved()
    remote.heal()
    _sweep_until_resolved()
    for _ in range(3):
        time.sleep(RECONCILE_S)
        services.sweep_orders(now=clock.now())
        services.reconcile_account(account_id=desk.account.pk, now=clock.now())
    print(f"{desk.account.exchange:8} decided {FAULTY}, held back {held}")
    _tell_faults(desk, list(Order.objects.select_related("intent").order_by("pk")[first:]))
    _cancel_all(desk)  # the next exchange's sweeps shall not ask for these


def _tell_faults(desk: Desk, orders: list[Order]) -> None:
    from trading.models import OrderTransition, ReconcileRun

    told = desk.process.remote.ledger()
    there = {row["client_id"]: Decimal(row["filled"]) for row in told["orders"]}
    asked = Counter(
        OrderTransition.objects.filter(order__in=[order.pk for order in orders])
        .exclude(from_status__in=("OPEN", "PARTIAL"))
        .values_list("from_status", "to_status")
    )
    statuses = Counter(order.status for order in orders)
    denials = Counter(order.intent.denial for order in orders if order.status == "DENIED")
    arrived = sum(order.client_order_id in there for order in orders)
    sendable = len(orders) - statuses["REJECTED"] - statuses["DENIED"]
    placed = sendable - statuses["NOT_SENT"] - statuses["NEEDS_HUMAN"]
    drift = [
        order.client_order_id
        for order in orders
        if there.get(order.client_order_id, Decimal(0)) != order.filled_qty
    ]
    runs = Counter(ReconcileRun.objects.values_list("outcome", flat=True))
    judged = runs["CLEAN"] + runs["DIFFERENT"]
    print(
        f"{desk.account.exchange:8} {CHANCE:.0%} faults: {len(orders)} orders,"
        f" {dict(statuses)} {dict(denials)}"
    )
    print(f"         steps {dict(asked)}")
    print(
        f"         arrived {arrived}, known as placed {placed}, submission success"
        f" {placed / max(sendable, 1):.1%},"
        f" duplicates {len(told['duplicates'])}, drift {len(drift)}, problems {told['problems']}"
    )
    print(
        f"         reconciliation: {dict(runs)}, match rate {runs['CLEAN'] / max(judged, 1):.1%}",
        flush=True,
    )


def _cancel_all(desk: Desk) -> None:
    from config import clock
    from trading import services

    services.cancel_all_orders(by=desk.admin, now=clock.now(), cause="measured")
    _sweep_until_rest()


def _sweep_until_rest(limit_s: float = 120) -> int:
    """Each second, until none of our orders is live; how often."""
    from trading.order_state import LIVE

    return _sweep_until(LIVE, limit_s)


def _sweep_until_resolved(limit_s: float = 60) -> int:
    from trading.order_state import UNRESOLVED

    return _sweep_until(UNRESOLVED, limit_s)


def _sweep_until(statuses: Any, limit_s: float) -> int:
    from config import clock
    from trading import services
    from trading.models import Order

    end, sweeps = time.monotonic() + limit_s, 0
    while Order.objects.filter(status__in=statuses).exists() and time.monotonic() < end:
        began = time.monotonic()
        services.sweep_orders(now=clock.now())
        sweeps += 1
        time.sleep(max(0.0, 1 - (time.monotonic() - began)))
    return sweeps


def _rows(desk: Desk) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = desk.process.remote.ledger()["orders"]
    return rows


def _ms(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    half, most = (ordered[int(len(ordered) * part)] * 1000 for part in (0.5, 0.95))
    return f"p50 {half:.1f} p95 {most:.1f} ms"


PARTS = {"latency": _latency, "flat": _time_to_flat, "faults": _faults}

if __name__ == "__main__":
    sys.exit(main())
