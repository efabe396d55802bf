"""The socket of prices: the newest tick of each symbol, at most twenty times a second."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, unquote

from channels.db import database_sync_to_async

from config.streams import NOT_FOUND, PushConsumer
from marketdata import access, queries, ticks
from marketdata.errors import SymbolUnknown
from marketdata.models import Symbol
from marketdata.tick_hub import Subscription, hub

FLUSH_S = 0.05  # less than a round of the feed, so that who keeps up has each as it comes
MAX_SYMBOLS = 200


class TickConsumer(PushConsumer):
    """`tick` frames of the symbol in the path; or one `ticks` frame of rows each time for those
    of `?symbols=a,b` and of `{"subscribe": ["BTC/USDT"]}`.

    A client that is slow or was away misses ticks, never the newest of a symbol.
    """

    permission = access.VIEW

    async def opened(self) -> None:
        self.path = unquote(self.scope["url_route"]["kwargs"].get("symbol", "")).strip()
        self.hub, self.subscription = hub(), Subscription()
        self.run(self._flush())
        await self.subscribed(self._asked_for(), on=True)
        if self.path and not self.subscription.symbols:
            await self.close(NOT_FOUND)

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
        if hasattr(self, "subscription"):
            await self.hub.leave(self.subscription, list(self.subscription.symbols))

    async def subscribed(self, wanted: list[str], *, on: bool) -> None:
        found, unknown = await database_sync_to_async(_find)(wanted[:MAX_SYMBOLS])
        for name in unknown:
            await self.push("error", {"code": SymbolUnknown.code, "detail": f"No symbol {name}."})
        held = self.subscription.symbols
        if on:
            fresh = [symbol for symbol in found if symbol.pk not in held]
            await self.hub.join(self.subscription, fresh[: MAX_SYMBOLS - len(held)])
        else:
            await self.hub.leave(self.subscription, [symbol.pk for symbol in found])
        names = sorted(str(symbol) for symbol in held.values())
        await self.push("subscribed", {"topics": names} | self._form())

    def _form(self) -> dict[str, object]:
        return {} if self.path else {"fields": ticks.FIELDS}

    def _asked_for(self) -> list[str]:
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        listed = ",".join(query.get("symbols", [])).split(",")
        return [name.strip() for name in (self.path, *listed) if name.strip()]

    async def _flush(self) -> None:
        frames = ticks.named_frames if self.path else ticks.row_frames
        while True:
            for frame in frames(await self.subscription.fresh()):
                await self.push_text(frame)
            await asyncio.sleep(FLUSH_S)


def _find(names: list[str]) -> tuple[list[Symbol], list[str]]:
    found, unknown = {}, []
    for name in names:
        try:
            symbol = queries.resolve_symbol(name)
        except SymbolUnknown:
            unknown.append(name[:60])
        else:
            found[symbol.pk] = symbol
    return list(found.values()), unknown
