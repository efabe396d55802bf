"""How far back each venue lets one look, and what it forgets."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest

from tests.exchange.clients import sync_client
from tests.exchange.emulator import Emulator
from tests.exchange_emulator.trading import PAIR, cancel, find, limit_buy, market

DAY = 24 * 3_600_000


def later(emulator: Emulator, client: Any, days: int) -> int:
    """Let days pass; the new time."""
    emulator.skew_ms += days * DAY
    client.load_time_difference()
    return emulator.now_ms()


def test_binance_gives_at_most_a_day_between_two_ends(binance: Emulator) -> None:
    client = sync_client(binance)
    client.load_markets()
    market(client, "old")
    now = later(binance, client, 3)

    with pytest.raises(ccxt.BadRequest, match="-1127"):
        client.fetch_my_trades(PAIR, now - 3 * DAY, None, {"endTime": now})
    assert len(client.fetch_my_trades(PAIR, now - 4 * DAY)) == 1
    assert client.fetch_my_trades(PAIR, now - DAY, None, {"endTime": now}) == []


def test_bybit_gives_a_week_and_the_last_one_unless_told(bybit: Emulator) -> None:
    client = sync_client(bybit)
    client.load_markets()
    market(client, "old")
    now = later(bybit, client, 8)

    assert client.fetch_my_trades(PAIR) == []
    assert len(client.fetch_my_trades(PAIR, now - 9 * DAY)) == 1
    with pytest.raises(ccxt.BadRequest, match="7 days"):
        client.fetch_my_trades(PAIR, now - 9 * DAY, None, {"endTime": now})


def test_bybit_forgets_orders_without_a_fill_after_a_day(bybit: Emulator) -> None:
    client = sync_client(bybit)
    client.load_markets()
    limit_buy(client, "empty")
    cancel(client, "empty")
    assert len(client.fetch_canceled_and_closed_orders(PAIR)) == 1

    later(bybit, client, 2)

    assert client.fetch_canceled_and_closed_orders(PAIR) == []


def test_a_restart_of_bybit_leaves_closed_orders_to_the_history(bybit: Emulator) -> None:
    client = sync_client(bybit)
    client.load_markets()
    market(client, "done")
    limit_buy(client, "open")

    bybit.restart()

    assert find(client, "done") is None
    assert find(client, "open")["status"] == "open"
    assert client.fetch_closed_orders(PAIR)[0]["clientOrderId"] == "done"
