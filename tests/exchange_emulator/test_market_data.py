"""The console's own market data side reads an emulator as it reads the venue."""

from __future__ import annotations

from decimal import Decimal

from marketdata.exchanges.ccxt_rest import CcxtExchange
from marketdata.timeframes import Timeframe
from tests.exchange.emulator import Emulator


def test_the_console_reads_symbols_and_candles_of_an_emulator(emulator: Emulator) -> None:
    exchange = CcxtExchange(emulator.venue.name, base_url=emulator.url)
    emulator.halt("ETHUSDT")
    emulator.set_price("BTCUSDT", 50_000)

    symbols = {symbol.name: symbol for symbol in exchange.fetch_symbols()}
    since = emulator.now_ms() - 10 * 60_000
    candles = exchange.fetch_candles("BTC/USDT", Timeframe.M1, since, 20)

    assert symbols["BTC/USDT"].price_tick == Decimal("0.01")
    assert not symbols["ETH/USDT"].trading
    assert len(candles) >= 9
