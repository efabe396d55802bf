"""What 200 symbols weigh: nothing followed, everything followed, every trade cache full."""

from __future__ import annotations

import random

from benchmarks.streams.reading import memory_mb
from benchmarks.streams.source import symbols

MANY, BARS = 200, 240


def main() -> None:
    from marketdata.exchanges.live_market import LiveMarket
    from marketdata.exchanges.market_stream import warm
    from marketdata.exchanges.protocol import Level, OrderBook, TradePrint
    from marketdata.exchanges.stream_events import Book, Day, Prints
    from marketdata.features import FRAMES, SymbolFeatures
    from marketdata.features.ring import MOST_TRADES

    warm()
    base = memory_mb()
    now, names = 1_700_000_000_000, symbols(MANY)
    live = LiveMarket(counted=True)
    live.follow(names)
    features = {}
    levels = [Level(100 + n / 100, 5.0) for n in range(20)]
    for name in names:
        live.put(
            [Day(name, 100.0, 0.0, 1.0, now), Book(name, OrderBook(levels, levels, now), 1)],
            now_ms=now,
            mono=1,
        )
        made = features[name] = SymbolFeatures("binance", name)
        made.seed(
            {
                frame: [(now - n * frame.ms, 1.0, 2.0, 0.5, 1.5, 3.0) for n in range(BARS, 0, -1)]
                for frame in FRAMES
            }
        )
    followed = memory_mb()
    rng = random.Random(1)
    for name in names:
        for number in range(MOST_TRADES):
            trade = TradePrint(str(number), 100 + rng.random(), 1.0, True, now + number)
            features[name].add(trade)
        live.put([Prints(name, [trade])], now_ms=now, mono=1)
    full = memory_mb()
    print(
        f"ccxt.pro loaded {base:.0f} MB; {MANY} symbols followed +{followed - base:.0f} MB; "
        f"each with {MOST_TRADES:,} trades +{full - base:.0f} MB ({(full - base) / MANY:.2f} each)"
    )


if __name__ == "__main__":
    main()
