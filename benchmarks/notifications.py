"""What orders take while every notification channel hangs, beside no channel at all.

A paper bot's orders by hand (risk rules, intent, claim, acknowledgement, each step audited) on a
SQLite file or the PostgreSQL of DATABASE_URL, while the notifications' own processes read the log
and send. All channels lead to a server on loopback that takes connections and never answers. Blocks
of both kinds alternate, so that what else the machine does meets both.

    python -m benchmarks.notifications [rounds]
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

ORDERS = 20  # of a block
CHANNELS = 5
SENDERS = 2  # as many as the product's worker has places
PAUSE_S = 0.5
KINDS = ("without", "down")


def main() -> int:
    """Measure on a scratch store."""
    if "--send" in sys.argv:
        return _send_forever()
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    with tempfile.TemporaryDirectory() as folder, _silent_server() as port:
        os.environ |= {
            "STATE_DIR": folder,
            "NOTIFY_PRIVATE_NETWORKS": "127.0.0.1/32",
            "NOTIFY_REPEAT_S": "0",
            "SEED_DEMO": "0",
        }
        _set_up()
        bot, admin = _desk(port)
        _one_block(bot, admin)  # what is loaded at the first use
        taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
        with _senders():
            for turn in range(2 * rounds):
                kind = KINDS[(turn + turn // 2) % 2]  # ABBA
                _switch_channels(kind == "down")
                taken[kind] += _one_block(bot, admin)
        _report(taken)
    return 0


def _set_up() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _desk(port: int) -> tuple[Any, Any]:
    from approvals import services
    from approvals.topics import Severity
    from config import clock
    from tests.trading.factories import make_bot, make_symbol, make_user
    from trading.services import ensure_system_state

    ensure_system_state(now=clock.now())
    admin = make_user("admin")
    for number in range(CHANNELS):
        services.add_channel(
            kind="webhook",
            name=f"channel {number}",
            given={"url": f"http://127.0.0.1:{port}/{number}"},
            min_severity=Severity.INFO,
            by=admin,
            now=clock.now(),
        )
    return make_bot(make_symbol(), cash="100000000"), admin


def _one_block(bot: Any, admin: Any) -> list[float]:
    from config import clock
    from tests.trading.factories import quote
    from trading import services

    symbol, taken = bot.symbols.get(), []
    for _ in range(ORDERS):
        now = clock.now()
        given: dict[str, Any] = {"by": admin, "now": now}
        given["quote_for"] = lambda symbol_id: quote(42_000.0, at=clock.now())
        began = time.perf_counter()
        intent = services.create_intent(
            bot_id=bot.pk,
            symbol=symbol,
            side="BUY",
            qty=Decimal("0.001"),
            type="MARKET",
            price=None,
            idempotency_key=os.urandom(8).hex(),
            **given,
        )
        services.place_order(intent_id=intent.pk, **given)
        taken.append((time.perf_counter() - began) * 1000)
        # A step on the way is told to nobody: give the channels something for each order.
        services.record(action="order.rejected", subject=f"intent:{intent.pk}", by=None, now=now)
        time.sleep(0.02)
    time.sleep(PAUSE_S)
    return taken


def _switch_channels(on: bool) -> None:
    from approvals.models import Channel

    Channel.objects.update(enabled=on, closed_until=None)


@contextmanager
def _senders() -> Iterator[None]:
    argv = [sys.executable, "-m", "benchmarks.notifications", "--send"]
    processes = [subprocess.Popen(argv) for _ in range(SENDERS)]
    try:
        time.sleep(6)  # until they have loaded what they need
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _send_forever() -> int:
    """The tasks of the notifications' worker without their queue, more often than it runs them."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    from approvals import queries, services
    from config import clock

    while True:
        services.follow(now=clock.now())
        for pk in queries.due_deliveries(clock.now(), limit=2):
            services.deliver(delivery_id=pk, now=clock.now(), later=clock.now)
        time.sleep(1)


@contextmanager
def _silent_server() -> Iterator[int]:
    """Takes connections (the kernel does, up to the backlog) and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        yield listener.getsockname()[1]


def _report(taken: dict[str, list[float]]) -> None:
    from approvals.models import Attempt, Notification

    print(f"load {os.getloadavg()[0]:.1f}, {len(taken['down'])} orders of each kind, ms")
    for kind, values in taken.items():
        cuts = statistics.quantiles(values, n=20)
        print(f"{kind:>8}: median {statistics.median(values):.2f}, p95 {cuts[18]:.2f}")
    ratio = statistics.median(taken["down"]) / statistics.median(taken["without"])
    print(f"ratio of the medians {ratio:.3f}")
    said = set(Attempt.objects.values_list("outcome", flat=True))
    print(
        f"{Notification.objects.count()} notifications, {Attempt.objects.count()} attempts: {said}"
    )


if __name__ == "__main__":
    sys.exit(main())
