"""Do orders wait for a language model that doesn't answer? Calm stretches and such ones in turn.

A whole console trades at an emulated exchange, as under `benchmarks.chaos`, while a loopback model
answers each review after almost the whole minute that it gets, drip by drip, or without end. Says
how long people's orders took, from the request to the exchange's word.
Ends with 1 when the 95th percentile of orders is over 1.1 of the calm one and 10 ms more.

    python -m benchmarks.advice_load [--full] [--pairs 3] [--stretch-s 45]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks.chaos.desk import Desk
from benchmarks.chaos.stack import Stack
from tests.approvals.model_server import ModelServer, model_server
from tests.exchange.remote import EmulatorProcess

PACE_S = 0.25
WARM_S = 15.0
MORE, SLACK_MS = 1.1, 10.0
REVIEWS = 3  # open at once; a worker asks for one at a time
LATE_S = 50.0
RESTING = {
    "symbol": "binance:BNB/USDT",
    "side": "BUY",
    "type": "LIMIT",
    "qty": "0.05",
    "price": "450",  # of about 600
}
MODES: tuple[dict[str, Any], ...] = (
    {"pause_s": LATE_S},
    {"drip_s": 1.0},
    {"endless": True},
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="PostgreSQL and Redis")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--stretch-s", type=float, default=45.0)
    said = parser.parse_args()
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="advice-load-")))
        model = ending.enter_context(model_server())
        emulator = ending.enter_context(EmulatorProcess("binance", seed=1, every_s=0.5))
        stack = Stack(folder, emulator.url, full=said.full)
        ending.callback(stack.end)
        stack.env |= _llm(model)
        stack.start()
        key = ["--key", emulator.key.key, "--secret", emulator.key.secret]
        staged = stack.script("benchmarks.chaos.stage", *key)
        desk = Desk(stack.port, staged["tokens"])
        for bot in staged["bots"]:
            desk.ask("POST", f"bots/{bot}/start", {}, who="operator")
        return _compare(desk, staged["bots"], model, said.pairs, said.stretch_s)


def _llm(model: ModelServer) -> dict[str, str]:
    return {
        "LLM_ENABLED": "true",
        "LLM_PROVIDER": "ollama",
        "LLM_MODEL": "slow",
        "LLM_BASE_URL": model.url,
        "LLM_PRIVATE_NETWORKS": "127.0.0.1/32",
        "LLM_PRICE_IN": "0",
        "LLM_PRICE_OUT": "0",
    }


def _compare(desk: Desk, bots: list[int], model: ModelServer, pairs: int, length_s: float) -> int:
    _orders(desk, bots, WARM_S, "warm")
    calm: list[float] = []
    slow: list[float] = []
    for number in range(pairs):
        calm += _orders(desk, bots, length_s, f"calm{number}")
        mode = MODES[number % len(MODES)]
        for name in ("pause_s", "drip_s", "endless"):
            setattr(model, name, mode.get(name, 0))
        asked = len(model.asked)
        with _Reviews(desk):
            slow += _orders(desk, bots, length_s, f"slow{number}")
        print(f"{mode}: the model was asked {len(model.asked) - asked} times", flush=True)
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    at_rest, beside = _told("calm", calm), _told("beside a slow model", slow)
    held = beside <= at_rest * MORE + SLACK_MS
    print("held" if held else f"over {MORE} x {at_rest:.0f} + {SLACK_MS:.0f} ms")
    return 0 if held and model.asked else 1


def _orders(desk: Desk, bots: list[int], length_s: float, label: str) -> list[float]:
    """Seconds of each order by a person: a limit that rests far below the price, then canceled."""
    took: list[float] = []
    desk.confirm()
    until = time.monotonic() + length_s
    for number in itertools.count():
        if time.monotonic() > until:
            return took
        began = time.monotonic()
        body = {"bot_id": bots[number % len(bots)], **RESTING}
        answer = desk.ask("POST", "trading/live/order", body, key=f"{label}-{number}")
        spent = time.monotonic() - began
        if answer is not None and answer.ok:
            took.append(spent)
            desk.ask("POST", f"orders/{answer.body['id']}/cancel")
        else:
            said = "no answer" if answer is None else json.dumps(answer.body)[:300]
            print(f"{label} {number}: {said}", file=sys.stderr)
        time.sleep(max(PACE_S - (time.monotonic() - began), 0))
    return took


class _Reviews:
    """Keeps some reviews open, so that the model is asked without a pause."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._over = threading.Event()
        self._jobs: list[int] = []

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        for job in self._jobs:
            self._desk.ask("POST", f"jobs/{job}/cancel", {}, who="operator")

    def _keep(self) -> None:
        now_ms = int(time.time() * 1000)
        body = {
            "source": "llm",
            "symbols": ["binance:BTC/USDT"],
            "timeframe": "1m",
            "from": now_ms - 6 * 3_600_000,
            "to": now_ms,
        }
        while not self._over.wait(1.0):
            listed = self._desk.ask("GET", "ai/reviews", who="operator")
            rows = listed.body["results"] if listed and listed.ok else []
            if sum(row["step"] != "done" for row in rows) >= REVIEWS:
                continue
            made = self._desk.ask("POST", "strategies/trend_ema/review", body, who="operator")
            if made is not None and made.ok:
                self._jobs.append(made.body["job"]["id"])
            elif made is not None:
                print(f"review: {made.status} {json.dumps(made.body)[:300]}", file=sys.stderr)


def _told(label: str, took: list[float]) -> float:
    """Print it; the 95th percentile in milliseconds."""
    cuts = quantiles(took, n=100)
    p50, p95, p99 = (cuts[n] * 1000 for n in (49, 94, 98))
    print(f"{label:<22} {len(took):4d} orders  p50 {p50:5.0f}  p95 {p95:5.0f}  p99 {p99:5.0f} ms")
    return p95


if __name__ == "__main__":
    raise SystemExit(main())
