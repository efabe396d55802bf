"""A live broker at an emulator of its exchange."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.exchange.emulator import Emulator
from trading.brokers.live import Credentials, LiveBroker


@pytest.fixture(params=["binance", "bybit"])
def emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    with Emulator(request.param) as running:
        yield running
        assert running.problems() == []


@pytest.fixture
def broker(emulator: Emulator) -> LiveBroker:
    return broker_at(emulator)


def broker_at(emulator: Emulator, *, timeout_s: float = 1, key: str = "") -> LiveBroker:
    credentials = Credentials(key or emulator.key.key, emulator.key.secret)
    return LiveBroker(emulator.venue.name, credentials, base_url=emulator.url, timeout_s=timeout_s)
