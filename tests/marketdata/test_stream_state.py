"""The state of streams travels over the bus."""

from __future__ import annotations

from typing import Any

import pytest
from redis import RedisError

from config import bus
from marketdata import queries, stream_state
from marketdata.stream_state import FeedStream

pytestmark = pytest.mark.usefixtures("clean_bus")


def make_stream(exchange: str = "binance", **changed: Any) -> FeedStream:
    plain: dict[str, Any] = {
        "at_ms": 1_000,
        "symbols": 2,
        "connections": 1,
        "up": 1,
        "since_ms": 500,
        "heard_ms": 999,
        "stale": [],
        "refused": [],
        "lag_ms": 12.5,
        "per_s": 40.0,
        "messages": 4_000,
        "reconnects": 0,
        "prints_missed": 0,
        "duplicates": 0,
        "not_understood": 0,
        "last_error": "",
    }
    return FeedStream(exchange=exchange, **(plain | changed))


def test_what_the_feed_wrote_is_read(settings: Any) -> None:
    settings.ENV = settings.ENV.model_copy(update={"exchanges": ("simulated", "bybit", "binance")})
    stream = make_stream(stale=["BTC/USDT"])

    assert stream_state.put_streams([stream])

    assert queries.feed_streams() == [stream]
    assert not stream.healthy
    assert stream.age_s(3_500) == 2.5


def test_without_a_bus_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> object:
        raise RedisError("no bus")

    with monkeypatch.context() as patch:
        patch.setattr(bus, "client", away)
        assert not stream_state.put_streams([make_stream()])
        assert stream_state.get_streams(["binance"]) == []
