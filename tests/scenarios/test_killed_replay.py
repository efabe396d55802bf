"""A worker that is killed anywhere leaves what another one finishes to the same digits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from config import clock
from tests.scenarios.crashing import EXIT_CODE, SEAMS
from tests.scenarios.replays import history_hash
from tests.trading.factories import NOW, QUICK, QUICK_WARMUP, bars, make_replay, run
from trading import services
from trading.models import AuditEvent, Bot, Fill, Order, Position, Trade
from trading.order_state import OrderStatus

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]
# Ups and downs that enter, fill over several bars, stop out, and take profits partly.
WAVES = [100.0] * QUICK_WARMUP + [101.0, 103, 105, 104, 102, 99, 97, 99, 101, 104, 106, 103] * 3
GIVEN: dict[str, Any] = {
    "rows": bars(WAVES, volume=60, low={QUICK_WARMUP + 5: 95}),
    "strategy": "sma_cross",
    "params": {**QUICK, "stop_loss": 0.02, "take_profit": 0.04, "trailing": 0.03},
    "knobs": {"fee_taker_bps": 10, "slippage_bps": 2, "volume_cap": "0.5"},
}
LEASE = timedelta(seconds=31)


@cache
def expected() -> str:
    """What a worker leaves that nobody kills; the same in every database."""
    return history_hash(run(make_replay(**GIVEN)))


def start_worker(bot: Bot, seam: str, passes: int, now: datetime) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "CRASHING_DATABASE": str(connection.settings_dict["NAME"]),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    arguments = [str(bot.pk), seam, str(passes), str(clock.to_ms(now))]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.scenarios.crashing", *arguments],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
    )


def crash(bot: Bot, seam: str, passes: int, now: datetime) -> None:
    worker = start_worker(bot, seam, passes, now)
    _, errors = worker.communicate(timeout=120)
    assert worker.returncode == EXIT_CODE, errors.decode()


def check_books(bot: Bot) -> None:
    position = Position.objects.get(bot=bot)
    bought = Fill.objects.filter(bot=bot, side="BUY").values_list("qty", flat=True)
    sold = Fill.objects.filter(bot=bot, side="SELL").values_list("qty", flat=True)
    assert position.qty == sum(bought) - sum(sold)
    assert Trade.objects.filter(bot=bot, status=Trade.Status.OPEN).count() == bool(position.qty)
    terminal = {OrderStatus.FILLED, OrderStatus.CANCELED}
    assert set(Order.objects.filter(bot=bot).values_list("status", flat=True)) <= terminal
    assert not AuditEvent.objects.filter(action="verdict.contradicted").exists()
    assert services.verify_audit(now=NOW).ok


# What a database does with a dead transaction: before it, inside it, after it.
ON_EACH_STORE = {"send-t3", "inside-fill", "after-commit"}


@pytest.mark.parametrize(
    "seam",
    [
        pytest.param(seam, marks=() if seam in ON_EACH_STORE else pytest.mark.storeless)
        for seam in SEAMS
    ],
)
def test_workers_that_die_there_are_replaced_without_a_trace(seam: str) -> None:
    bot = make_replay(**GIVEN)

    crash(bot, seam, passes=2, now=NOW)
    assert not services.run_bot(bot_id=bot.pk, now=NOW + LEASE / 2)
    crash(bot, seam, passes=4, now=NOW + LEASE)
    run(bot, now=NOW + 2 * LEASE)

    assert bot.status == Bot.Status.FINISHED
    assert history_hash(bot) == expected()
    check_books(bot)


def test_a_worker_that_is_killed_from_outside_is_replaced_too() -> None:
    bot = make_replay(**GIVEN)

    worker = start_worker(bot, "after-commit", 10**9, NOW)
    deadline = time.monotonic() + 60
    while Fill.objects.filter(bot=bot).count() < 3 and worker.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    worker.kill()
    worker.communicate(timeout=30)
    run(bot, now=NOW + LEASE)

    assert worker.returncode == -signal.SIGKILL
    assert history_hash(bot) == expected()
    check_books(bot)
