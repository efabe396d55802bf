"""One reader in a process of its own: how much CPU and memory it takes. Prints JSON."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import orjson

from benchmarks.streams.source import symbols


def memory_mb() -> float:
    """Of this process, now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


async def bare(address: str, names: list[str], seconds: float) -> int:
    """aiohttp and orjson, nothing made of it: what nobody can be below."""
    import aiohttp

    wanted = [f"{name.replace('/', '').lower()}@trade" for name in names]
    count = 0
    async with aiohttp.ClientSession() as session, session.ws_connect(address + "/stream") as ws:
        await ws.send_str(orjson.dumps({"method": "SUBSCRIBE", "params": wanted, "id": 1}).decode())
        await asyncio.sleep(2)
        began = _begin()
        async for message in ws:
            orjson.loads(message.data)
            count += 1
            if time.monotonic() - began > seconds:
                return count
    return count


async def ccxt_pro(address: str, names: list[str], seconds: float) -> int:
    """ccxt.pro as its manual says: an endless watch, its own parsing. Trades only."""
    import ccxt.pro

    client: Any = ccxt.pro.binance({"enableRateLimit": False, "newUpdates": True})
    client.urls["api"]["ws"]["spot"] = f"{address}/stream"
    client.set_markets([client.safe_market_structure(_market(name)) for name in names])
    await client.watch_trades_for_symbols(names)
    await asyncio.sleep(2)
    began, count = _begin(), 0
    while time.monotonic() - began < seconds:
        count += len(await client.watch_trades_for_symbols(names))
    await client.close()
    return count


def _market(name: str) -> dict[str, Any]:
    base, _, quote = name.partition("/")
    market_id = base + quote
    return {
        "id": market_id,
        "lowercaseId": market_id.lower(),
        "symbol": name,
        "base": base,
        "quote": quote,
        "type": "spot",
        "spot": True,
        "active": True,
        **dict.fromkeys(("margin", "swap", "future", "option", "contract"), False),
        "precision": {"amount": 1e-5, "price": 1e-2},
        "limits": {},
        "info": {},
    }


async def ours(address: str, names: list[str], seconds: float) -> int:
    """The pool and the inbox, taken out as the feed does, features and all."""
    from marketdata.exchanges.live_market import LiveMarket
    from marketdata.exchanges.stream_pool import StreamPool
    from marketdata.features import SymbolFeatures

    live = LiveMarket(counted=True)
    features = {name: SymbolFeatures("binance", name) for name in names}
    pool = StreamPool("binance", live, address=address)
    pool.want(names)
    while pool.up_since_ms is None:
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    began, before, said_at = _begin(), live.counts.messages, time.monotonic()
    while time.monotonic() - began < seconds:
        await asyncio.sleep(0.1)
        live.take_quotes()
        if time.monotonic() - said_at >= 1:
            said_at = time.monotonic()
            _follow(live, features)
    count = live.counts.messages - before
    await pool.close()
    return count


def _follow(live: Any, features: dict[str, Any]) -> None:
    for name, trades in live.take_prints().items():
        for trade in trades:
            features[name].add(trade)
    for name, book in live.take_books().items():
        features[name].book(book)
    for one in features.values():
        orjson.dumps(one.state(time.time_ns() // 1_000_000).plain())


_CPU: list[float] = []


def _begin() -> float:
    _CPU.append(time.process_time())
    return time.monotonic()


def main() -> None:
    way, address, many, seconds = sys.argv[1:5]
    reader = {"bare": bare, "ccxt.pro": ccxt_pro, "ours": ours}[way]
    count = asyncio.run(reader(address, symbols(int(many)), float(seconds)))
    cpu_s = time.process_time() - _CPU[0]
    told = {"way": way, "messages": count, "cpu_s": cpu_s, "seconds": float(seconds)}
    print(orjson.dumps(told | {"mb": memory_mb(), "pid": os.getpid()}).decode())


if __name__ == "__main__":
    main()
