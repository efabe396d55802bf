"""The socket of signals: each as it is stored."""

from __future__ import annotations

from typing import Any

from config.streams import Mailbox, PushConsumer
from strategies import access
from strategies.events import SIGNALS_GROUP

MAX_TOPICS = 200


class SignalConsumer(PushConsumer):
    """`{"event": "signal", "data": {...}}` of all there are, until `{"subscribe": [...]}` names
    symbols (`BTC/USDT`) or strategies.
    """

    permission = access.VIEW

    async def opened(self) -> None:
        self.wanted: set[str] | None = None
        self.mailbox = Mailbox()
        self.run(self._deliver())
        await self.channel_layer.group_add(SIGNALS_GROUP, self.channel_name)

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(SIGNALS_GROUP, self.channel_name)
        await super().disconnect(code)

    async def signal_message(self, message: dict[str, Any]) -> None:
        data = message["data"]
        if self.wanted is None or {data["symbol"], data["strategy"]} & self.wanted:
            self.mailbox.put(data)

    async def subscribed(self, wanted: list[str], *, on: bool) -> None:
        asked = {topic[:60] for topic in wanted[:MAX_TOPICS]}
        self.wanted = (self.wanted or set()) | asked if on else (self.wanted or set()) - asked
        await self.push("subscribed", {"topics": sorted(self.wanted)})

    async def _deliver(self) -> None:
        while True:
            data = await self.mailbox.get()
            if self.mailbox.dropped:
                lost, self.mailbox.dropped = self.mailbox.dropped, 0
                await self.push("stream.lagged", {"dropped": lost})
            await self.push("signal", data)
