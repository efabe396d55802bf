"""The exchanges' public side. Only `ccxt_rest` knows ccxt, and imports it when it is asked."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from config import clock
from config.env import Env
from config.rate_budget import shared_budget
from marketdata.errors import ExchangeUnknown
from marketdata.exchanges.protocol import CandleRow, Exchange, SymbolSpec, TickerRow

NAMES = ("simulated", "binance", "bybit")

__all__ = [
    "NAMES",
    "CandleRow",
    "Exchange",
    "SymbolSpec",
    "TickerRow",
    "exchange_for",
    "stream_addresses",
]


def stream_addresses(env: Env) -> dict[str, str]:
    """Which exchanges are followed by their streams, and at which address; "" is their own.

    Where REST goes to another address streams don't go to the exchange's own.
    """
    addresses = {
        "binance": (env.binance_market_stream_base_url, env.binance_market_data_base_url),
        "bybit": (env.bybit_market_stream_base_url, env.bybit_market_data_base_url),
    }
    return {
        name: stream
        for name, (stream, rest) in addresses.items()
        if env.market_streams and name in env.exchanges and (stream or not rest)
    }


@cache
def exchange_for(name: str) -> Exchange:
    """The exchange called `name`; one instance per process, because limits are counted in it."""
    env: Env = settings.ENV
    match name:
        case "simulated":
            from marketdata.exchanges.simulated import SimulatedExchange

            return SimulatedExchange(seed=env.simulated_seed, now_ms=clock.now_ms)
        case "binance" | "bybit":
            from marketdata.exchanges.ccxt_rest import CcxtExchange
            from marketdata.exchanges.gate import AddressGate

            base_urls = {
                "binance": env.binance_market_data_base_url,
                "bybit": env.bybit_market_data_base_url,
            }
            return CcxtExchange(
                name,
                base_url=base_urls[name],
                timeout_s=env.exchange_timeout_s,
                gate=AddressGate(shared_budget(env.rate_budget_share), name, base_urls[name]),
            )
    raise ExchangeUnknown(f"No exchange is called {name}; there are {', '.join(NAMES)}.")
