"""One emulator of each venue, whose own books must add up after every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.exchange.clients import async_client, pro_client, sync_client
from tests.exchange.emulator import Emulator


@pytest.fixture(params=["binance", "bybit"])
def emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    with Emulator(request.param) as running:
        yield running
        assert running.problems() == []


@pytest.fixture
def binance() -> Iterator[Emulator]:
    with Emulator("binance") as running:
        yield running


@pytest.fixture
def bybit() -> Iterator[Emulator]:
    with Emulator("bybit") as running:
        yield running


@pytest.fixture
def client(emulator: Emulator) -> Any:
    made = sync_client(emulator)
    made.load_markets()
    return made


@pytest_asyncio.fixture
async def waiting(emulator: Emulator) -> AsyncIterator[Any]:
    """The async client."""
    made = async_client(emulator)
    await made.load_markets()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def watching(emulator: Emulator) -> AsyncIterator[Any]:
    """The client with streams."""
    made = pro_client(emulator)
    made.emulator = emulator  # for tests that wait until it hears them
    await made.load_markets()
    yield made
    await made.close()
