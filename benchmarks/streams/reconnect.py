"""From a cut connection to the next print that comes through, both exchanges."""

from __future__ import annotations

import asyncio
import sys
import time

import numpy as np


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    from marketdata.exchanges.market_stream import warm

    warm()
    for venue in ("binance", "bybit"):
        took = asyncio.run(_measure(venue, rounds))
        print(f"{venue:<8} n {rounds}  median {np.median(took):.2f} s  longest {max(took):.2f} s")


async def _measure(venue: str, rounds: int) -> list[float]:
    from marketdata.exchanges import stream_pool
    from marketdata.exchanges.live_market import LiveMarket
    from marketdata.exchanges.stream_pool import StreamPool
    from tests.exchange import Emulator

    stream_pool.STABLE_S = 0.0  # each break is the first one after a long calm
    took = []
    with Emulator(venue) as exchange:
        live = LiveMarket(counted=venue == "binance")
        pool = StreamPool(venue, live, address=exchange.ws_url)
        pool.want(["BTC/USDT", "ETH/USDT"])
        for _ in range(rounds):
            while pool.up_since_ms is None:
                await asyncio.sleep(0.01)
            await asyncio.sleep(2)
            live.take_prints()
            exchange.public.disconnect()
            began = time.monotonic()
            while not live.take_prints():
                await asyncio.sleep(0.02)
                exchange.print("BTCUSDT", 42000.0)
            took.append(time.monotonic() - began)
        await pool.close()
    return took


if __name__ == "__main__":
    main()
