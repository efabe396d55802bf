"""How long after an exchange fills an order are its fills booked, with and without its stream?

An emulator of each exchange, one thread as the worker: it sweeps when told, and when the tick that
comes each second finds something due. Without Celery's hop, which both ways pay alike.

    python -m benchmarks.private_streams [fills [exchange]]
"""

from __future__ import annotations

import os
import queue
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from tests.trading.listening import LiveAccount

FILLS = 40
TICK_S = 1.0


def main() -> int:
    """A line for each exchange and way."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from django.test.utils import get_runner, setup_test_environment

    fills = int(sys.argv[1]) if len(sys.argv) > 1 else FILLS
    setup_test_environment(debug=False)
    runner = get_runner(__import__("django.conf").conf.settings)(verbosity=0, interactive=False)
    databases = runner.setup_databases(serialized_aliases=set())
    try:
        for exchange in sys.argv[2:] or ("binance", "bybit"):
            _compare(exchange, fills)
    finally:
        runner.teardown_databases(databases)
    return 0


def _compare(exchange: str, fills: int) -> None:
    from django.conf import settings

    from tests.trading.listening import live_account

    with live_account(exchange, cast(Any, settings)) as desk:
        for streams in (False, True):
            settings.ENV = settings.ENV.model_copy(update={"private_streams": streams})
            took = sorted(_measure(desk, fills, streams))
            p50, p95 = np.percentile(took, [50, 95])
            way = "stream and polling" if streams else "polling alone"
            print(f"{exchange:<8} {way:<19} n {len(took)}  p50 {p50:5.0f} ms  p95 {p95:5.0f} ms")


def _measure(desk: LiveAccount, fills: int, streams: bool) -> Iterator[float]:
    from tests.trading.listening import filled, wait_for

    random.seed(7)
    with _worker() as hint, _feed(desk, hint, streams):
        for _ in range(fills):
            order = desk.place("0.001")
            time.sleep(2.1 + random.random() * 2)  # at any phase of the polls
            began = time.perf_counter()
            desk.fill(order)
            wait_for(partial(filled, order))
            yield (time.perf_counter() - began) * 1000


@contextmanager
def _worker() -> Iterator[queue.SimpleQueue[bool]]:
    from config import clock
    from trading import services
    from trading.services._resolve import orders_left

    hints: queue.SimpleQueue[bool] = queue.SimpleQueue()  # False ends it

    def work() -> None:
        while True:
            try:
                if not hints.get(timeout=TICK_S):
                    return
            except queue.Empty:
                if not orders_left(now=clock.now()):
                    continue
            services.sweep_orders(now=clock.now())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield hints
    finally:
        hints.put(False)
        thread.join()


@contextmanager
def _feed(desk: LiveAccount, hints: queue.SimpleQueue[bool], streams: bool) -> Iterator[None]:
    import asyncio

    from tests.trading.listening import Listening, wait_for
    from trading.account_feed import AccountFeed

    feed, stop = AccountFeed(hint=lambda: hints.put(True)), asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(feed.run(stop)))
    thread.start()
    if streams:
        wait_for(lambda: Listening(feed, desk.account).is_up)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


if __name__ == "__main__":
    sys.exit(main())
