"""Exchanges by name, one of each per process, pointed where the settings say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings

from marketdata.errors import ExchangeUnknown
from marketdata.exchanges import exchange_for
from tests.exchange import LoopbackExchange, make_market
from tests.marketdata.factories import NOW_MS


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackExchange]:
    with LoopbackExchange(make_market(NOW_MS)) as running:
        urls = {f"{name}_market_data_base_url": running.url + "/" for name in ("binance", "bybit")}
        monkeypatch.setattr(settings, "ENV", settings.ENV.model_copy(update=urls))
        exchange_for.cache_clear()
        yield running
    exchange_for.cache_clear()


@pytest.mark.parametrize("name", ["binance", "bybit"])
def test_a_real_one_is_asked_at_the_address_of_the_settings(
    server: LoopbackExchange, name: str
) -> None:
    assert exchange_for(name).time_ms() == NOW_MS
    assert len(server.requests) == 1


def test_one_of_each_is_made(server: LoopbackExchange) -> None:
    assert exchange_for("simulated") is exchange_for("simulated")
    assert exchange_for("simulated").local
    assert not exchange_for("bybit").local


@pytest.mark.parametrize("name", ["recorded", "", "Binance"])
def test_others_are_refused(name: str) -> None:
    with pytest.raises(ExchangeUnknown, match="simulated, binance, bybit"):
        exchange_for(name)
