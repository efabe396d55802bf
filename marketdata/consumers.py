"""The socket of prices: the newest tick of each symbol, at most four times a second."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, unquote

from channels.db import database_sync_to_async

from config import clock
from config.rendering import instant
from config.streams import NOT_FOUND, PushConsumer
from marketdata import access, queries, quotes
from marketdata.errors import SymbolUnknown
from marketdata.models import Symbol

FLUSH_S = 0.25
MAX_SYMBOLS = 200


class TickConsumer(PushConsumer):
    """`{"event": "tick", "data": {...}}` of the symbol in the path, of `?symbols=a,b`, or of
    those that `{"subscribe": ["BTC/USDT"]}` names. A slow client misses ticks, never the newest.
    """

    permission = access.VIEW

    async def opened(self) -> None:
        self.symbols: dict[int, Symbol] = {}
        self.newest: dict[int, dict[str, Any]] = {}
        self.fresh = asyncio.Event()
        self.run(self._flush())
        await self.subscribed(self._asked_for(), on=True)
        if self.scope["url_route"]["kwargs"].get("symbol") and not self.symbols:
            await self.close(NOT_FOUND)

    async def disconnect(self, code: int) -> None:
        for symbol_id in getattr(self, "symbols", {}):
            await self.channel_layer.group_discard(_group(symbol_id), self.channel_name)
        await super().disconnect(code)

    async def tick_message(self, message: dict[str, Any]) -> None:
        data = message["data"]
        if data["symbol_id"] in self.symbols:
            self._put(data)

    async def subscribed(self, wanted: list[str], *, on: bool) -> None:
        found, unknown = await database_sync_to_async(_find)(wanted[:MAX_SYMBOLS])
        for name in unknown:
            await self.push("error", {"code": SymbolUnknown.code, "detail": f"No symbol {name}."})
        await (self._join(found) if on else self._leave(found))
        names = sorted(str(symbol) for symbol in self.symbols.values())
        await self.push("subscribed", {"topics": names})

    def _asked_for(self) -> list[str]:
        path = self.scope["url_route"]["kwargs"].get("symbol", "")
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        listed = ",".join(query.get("symbols", [])).split(",")
        return [name.strip() for name in (unquote(path), *listed) if name.strip()]

    async def _join(self, found: list[Symbol]) -> None:
        for symbol in found:
            if symbol.pk not in self.symbols and len(self.symbols) < MAX_SYMBOLS:
                self.symbols[symbol.pk] = symbol
                await self.channel_layer.group_add(_group(symbol.pk), self.channel_name)
        for tick in await database_sync_to_async(_last_ticks)(found):
            self._put(tick)

    async def _leave(self, found: list[Symbol]) -> None:
        for symbol in found:
            if self.symbols.pop(symbol.pk, None):
                self.newest.pop(symbol.pk, None)
                await self.channel_layer.group_discard(_group(symbol.pk), self.channel_name)

    def _put(self, data: dict[str, Any]) -> None:
        self.newest[data["symbol_id"]] = data
        self.fresh.set()

    async def _flush(self) -> None:
        while True:
            await self.fresh.wait()
            self.fresh.clear()
            newest, self.newest = self.newest, {}
            for data in newest.values():
                await self.push("tick", data)
            await asyncio.sleep(FLUSH_S)


def _group(symbol_id: int) -> str:
    return f"ticks.{symbol_id}"


def _find(names: list[str]) -> tuple[list[Symbol], list[str]]:
    found, unknown = [], []
    for name in names:
        try:
            found.append(queries.resolve_symbol(name))
        except SymbolUnknown:
            unknown.append(name[:60])
    return found, unknown


def _last_ticks(symbols: list[Symbol]) -> list[dict[str, Any]]:
    live = quotes.get_quotes(symbol.pk for symbol in symbols)
    return [_tick(symbol, live[symbol.pk]) for symbol in symbols if symbol.pk in live]


def _tick(symbol: Symbol, quote: quotes.Quote) -> dict[str, Any]:
    """The last known price in the shape of the feed's ticks; its bar comes with the next one."""
    return {
        "symbol": symbol.name,
        "exchange": symbol.exchange,
        "symbol_id": symbol.pk,
        "price": quote.last,
        "bid": quote.bid,
        "ask": quote.ask,
        "change_24h": quote.change_24h,
        "volume_24h": quote.volume_24h,
        "ts": instant(clock.from_ms(quote.at_ms)),
        "at_ms": quote.at_ms,
        "bar": None,
    }
