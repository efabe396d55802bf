"""A server on loopback that says Binance's words as fast as it is told, and does nothing else."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time

import orjson
from aiohttp import WSMsgType, web

TICK_S = 0.02


def symbols(many: int) -> list[str]:
    """ "S000/USDT" and so on."""
    return [f"S{number:03}/USDT" for number in range(many)]


def messages(names: list[str], kind: str) -> list[tuple[str, str]]:
    """One round: (what, symbol). A mixed second of a symbol is 3 trades, 4 tops, a day, a book."""
    mixed = ["trade", "best", "best", "trade", "best", "day", "trade", "best", "book", "kline"]
    return [(one, name) for one in (mixed if kind == "mixed" else ["trade"]) for name in names]


def said(what: str, name: str, number: int) -> str:
    """A message as it is on the wire."""
    market_id, now = name.replace("/", ""), time.time_ns() // 1_000_000
    price = 100 + number % 97 / 100
    stream, data = {
        "trade": ("trade", {"e": "trade", "E": now, "s": market_id, "t": number, "T": now}
                  | {"p": f"{price:.2f}", "q": "0.5", "m": bool(number % 2), "M": True}),
        "best": ("bookTicker", {"u": number, "s": market_id, "b": f"{price:.2f}", "B": "3"}
                 | {"a": f"{price + 0.01:.2f}", "A": "4"}),
        "day": ("ticker", {"e": "24hrTicker", "E": now, "s": market_id, "P": "1.5"}
                | {"c": f"{price:.2f}", "v": "1000"}),
        "book": ("depth20", {"lastUpdateId": number}
                 | {"bids": [[f"{price - n / 100:.2f}", "5"] for n in range(20)]}
                 | {"asks": [[f"{price + 0.01 + n / 100:.2f}", "5"] for n in range(20)]}),
        "kline": ("kline_1m", {"e": "kline", "E": now, "s": market_id, "k": _kline(now, price)}),
    }[what]  # fmt: skip
    return orjson.dumps({"stream": f"{market_id.lower()}@{stream}", "data": data}).decode()


def _kline(now: int, price: float) -> dict[str, object]:
    start, shown = now // 60_000 * 60_000, f"{price:.2f}"
    prices = dict.fromkeys("ohlc", shown)
    return {"t": start, "T": start + 59_999, "i": "1m", "v": "10", "x": False} | prices


async def serve(rate: float, names: list[str], kind: str) -> None:
    """Say `rate` messages a second in all, to each connection what it has subscribed."""
    subscribed: dict[web.WebSocketResponse, set[str]] = {}

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        subscribed[socket] = set()
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                asked = orjson.loads(message.data)
                subscribed[socket] |= {str(one).partition("@")[0] for one in asked["params"]}
                await socket.send_str(orjson.dumps({"result": None, "id": asked["id"]}).decode())
        subscribed.pop(socket, None)
        return socket

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    endless = itertools.cycle(messages(names, kind))
    numbers: dict[str, int] = {}
    began, sent = time.monotonic(), 0
    while True:
        await asyncio.sleep(TICK_S)
        due = int((time.monotonic() - began) * rate) - sent
        for what, name in itertools.islice(endless, due):
            number = numbers[name] = numbers.get(name, 0) + (what == "trade")
            text, key = said(what, name, number), name.replace("/", "").lower()
            for socket, wanted in list(subscribed.items()):
                if key in wanted and not socket.closed:
                    await socket.send_str(text)
        sent += due


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]), symbols(int(sys.argv[2])), sys.argv[3]))
