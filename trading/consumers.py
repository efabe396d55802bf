"""The socket of events: what bots, orders, jobs and the system do, as it happens."""

from __future__ import annotations

import re
from typing import Any

from config.bus import EVENTS_GROUP
from config.streams import Mailbox, PushConsumer
from trading import access

# A subject of an event's data and the topic that carries it.
SUBJECTS = {"bot_id": "bot", "job_id": "job", "order_id": "order", "symbol_id": "symbol"}
AREAS = {
    "bot": "bots",
    "portfolio": "portfolio",
    "job": "jobs",
    "system": "system",
    "order": "orders",
    "decision": "decisions",
    "candle": "candles",
    "finding": "findings",
    "posture": "postures",
    "reconciliation": "reconciliation",
}
_TOPIC = re.compile(
    r"(?:bot|job|order|symbol):\d{1,18}\Z|[a-z]{1,30}\Z|[a-z]{1,30}\.[a-z_]{1,30}\Z"
)
MAX_TOPICS = 500


def topics_of(event: str, data: dict[str, Any]) -> set[str]:
    """What an event is about: its own name, its area ("orders") and its subjects ("bot:7")."""
    area = AREAS.get(event.partition(".")[0], event)
    subjects = {
        f"{topic}:{data[field]}" for field, topic in SUBJECTS.items() if data.get(field) is not None
    }
    return {event, area, *subjects}


class EventConsumer(PushConsumer):
    """`{"event", "data"}` of all there is, until `{"subscribe": ["bot:1"]}` names topics."""

    permission = access.VIEW

    async def opened(self) -> None:
        self.wanted: set[str] | None = None
        self.mailbox = Mailbox()
        self.run(self._deliver())
        await self.channel_layer.group_add(EVENTS_GROUP, self.channel_name)

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(EVENTS_GROUP, self.channel_name)
        await super().disconnect(code)

    async def event_message(self, message: dict[str, Any]) -> None:
        if self.wanted is None or topics_of(message["event"], message["data"]) & self.wanted:
            self.mailbox.put(message)

    async def subscribed(self, wanted: list[str], *, on: bool) -> None:
        unknown = [topic for topic in wanted if not _TOPIC.match(topic)]
        if unknown or len(wanted) + len(self.wanted or ()) > MAX_TOPICS:
            data = {"code": "TOPIC_UNKNOWN", "detail": f"Not a topic: {', '.join(unknown)[:200]}"}
            await self.push("error", data)
            return
        asked = set(wanted)
        self.wanted = (self.wanted or set()) | asked if on else (self.wanted or set()) - asked
        await self.push("subscribed", {"topics": sorted(self.wanted)})

    async def _deliver(self) -> None:
        while True:
            message = await self.mailbox.get()
            if self.mailbox.dropped:
                lost, self.mailbox.dropped = self.mailbox.dropped, 0
                await self.push("stream.lagged", {"dropped": lost})
            await self.push(message["event"], message["data"])
