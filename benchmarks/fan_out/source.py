"""Where the ticks come from, and the relay that passes them on beside the console.

python -m benchmarks.fan_out.source ticks RATE     # per symbol and second, through the feed
python -m benchmarks.fan_out.source relay          # plain: bus to sockets; says its port
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import random
import sys
import time
from contextlib import suppress
from typing import Any

ROUND_S = 0.1  # the feed's own: quotes that come closer together are one
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def main() -> None:
    """Settings come from the STATE_DIR of the console."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    if sys.argv[1] == "ticks":
        asyncio.run(_ticks(float(sys.argv[2])))
    else:
        asyncio.run(_relay())


async def _ticks(rate: float) -> None:
    """Each symbol's price moves `rate` times a second at random moments; a round takes the newest.

    The stamp is that of the move, as an exchange stamps its message.
    """
    from asgiref.sync import sync_to_async

    from benchmarks.fan_out.console import EXCHANGE
    from marketdata.feed import Feed
    from marketdata.models import Symbol

    symbols = await sync_to_async(lambda: list(Symbol.objects.filter(exchange=EXCHANGE)))()
    feed = Feed({}, on_candle_closed=lambda *told: None)
    due = {symbol.pk: time.time() + random.expovariate(rate) for symbol in symbols}
    at = time.time()
    while True:
        at += ROUND_S
        await asyncio.sleep(max(0.0, at - time.time()))
        messages = []
        for symbol in symbols:
            stamp = 0.0
            while due[symbol.pk] <= at:
                stamp = due[symbol.pk]
                due[symbol.pk] += random.expovariate(rate)
            if stamp:
                messages.append(_message(symbol, int(stamp * 1000)))
        await feed._publish(messages)


def _message(symbol: Any, at_ms: int) -> dict[str, Any]:
    from marketdata.quotes import Quote
    from marketdata.ticks import forming_bar, tick_message

    last = round(50_000 + random.random() * 100, 2)
    quote = Quote(last, last - 0.5, last + 0.5, 1.0, 1.0, at_ms, 0.0123, 12_345.6)
    bar = forming_bar(None, last, at_ms)
    return tick_message(symbol.pk, symbol.exchange, symbol.name, quote, bar)


async def _relay() -> None:
    """Every payload of the bus to every socket as it is: no login, no choice, no limit."""
    import redis.asyncio
    from django.conf import settings

    from config import bus
    from config.database import redis_url
    from marketdata.tick_hub import CHANNEL

    writers: set[asyncio.StreamWriter] = set()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        key = next(line[19:] for line in head if line.startswith(b"Sec-WebSocket-Key: "))
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())  # noqa: S324
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        writers.add(writer)
        with suppress(OSError):
            await reader.read()
        writers.discard(writer)
        writer.close()

    server = await asyncio.start_server(join, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with redis.asyncio.Redis.from_url(redis_url(settings.REDIS_URL, 2)).pubsub() as channel:
        await channel.subscribe(bus.channel(CHANNEL))
        async for message in channel.listen():
            if message["type"] == "message":
                framed = _framed(message["data"])
                for writer in list(writers):
                    writer.write(framed)


def _framed(payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65536:
        return bytes((0x81, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x81, 127)) + size.to_bytes(8, "big") + payload


if __name__ == "__main__":
    main()
