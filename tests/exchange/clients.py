"""Unmodified ccxt, pointed at an emulator the way the product points it at the real venues."""

from __future__ import annotations

from typing import Any, Protocol

import ccxt
import ccxt.async_support
import ccxt.pro

from tests.exchange.accounts import ApiKey
from tests.exchange.venues import Venue


class Reachable(Protocol):
    """What a client has to know: an Emulator, or an EmulatorProcess."""

    @property
    def venue(self) -> Venue: ...
    @property
    def key(self) -> ApiKey: ...
    @property
    def url(self) -> str: ...
    @property
    def ws_url(self) -> str: ...


OPTIONS: dict[str, dict[str, Any]] = {
    "binance": {
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "fetchMargins": False,
        "fetchCurrencies": False,
        "warnWithoutSymbol": False,
        "maxRetriesOnFailure": 0,
    },
    "bybit": {
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "fetchCurrencies": False,
        "enableUnifiedMargin": False,
        "enableUnifiedAccount": True,
        "maxRetriesOnFailure": 0,
    },
}


def sync_client(emulator: Reachable, **config: Any) -> Any:
    """A ccxt exchange; `config` goes over the defaults."""
    return _client(ccxt, emulator, config)


def async_client(emulator: Reachable, **config: Any) -> Any:
    """A ccxt.async_support exchange; close it."""
    return _client(ccxt.async_support, emulator, config)


def pro_client(emulator: Reachable, **config: Any) -> Any:
    """A ccxt.pro exchange; close it."""
    client = _client(ccxt.pro, emulator, config)
    sockets = client.urls["api"]["ws"]
    if emulator.venue.name == "binance":
        sockets["spot"] = f"{emulator.ws_url}/stream"
        sockets["ws-api"]["spot"] = f"{emulator.ws_url}/ws-api/v3"
    else:
        sockets["public"]["spot"] = f"{emulator.ws_url}/v5/public/spot"
        sockets["private"]["contract"] = f"{emulator.ws_url}/v5/private"
    return client


def _client(library: Any, emulator: Reachable, config: dict[str, Any]) -> Any:
    venue = emulator.venue.name
    defaults = {
        "apiKey": emulator.key.key,
        "secret": emulator.key.secret,
        "enableRateLimit": False,
        "timeout": 2000,
        "options": OPTIONS[venue] | {"adjustForTimeDifference": False},
    }
    client = getattr(library, venue)(defaults | config)
    urls = client.urls["api"]
    if venue == "binance":
        urls["public"] = urls["private"] = f"{emulator.url}/api/v3"
        urls["sapi"] = f"{emulator.url}/sapi/v1"
    else:
        urls["public"] = urls["private"] = emulator.url
    return client
