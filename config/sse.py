"""The event stream over plain HTTP, for clients that want no WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import structlog
from channels.layers import get_channel_layer
from django.db import connection
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from redis import RedisError
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import clock
from config.bus import EVENTS_GROUP
from config.query_params import optional_number
from config.rendering import OrjsonRenderer, to_json
from config.streams import RECHECK_S, Caller, Mailbox
from config.websocket_auth import caller_of
from trading import access

log = structlog.get_logger(__name__)

KEEP_ALIVE_S = 15.0

# The events of this stream and exactly the fields that each has.
PAYLOADS: Mapping[str, tuple[str, ...]] = {
    "bot.state": ("bot_id", "status", "job_id", "ts"),
    "portfolio.snapshot": ("bot_id", "equity", "cash", "positions_value", "ts", "prices"),
    "job.progress": ("bot_id", "job_id", "status", "progress", "ts"),
    "system.notice": ("bot_id", "job_id", "message", "ts"),
}


class EventStreamRenderer(BaseRenderer):
    """Lets `Accept: text/event-stream` through; what it renders itself are refusals, as JSON."""

    media_type = "text/event-stream"
    format = "event-stream"
    charset = None

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        return OrjsonRenderer().render(data)


class SseView(APIView):
    permission_classes = (access.MayView,)
    renderer_classes = (EventStreamRenderer, OrjsonRenderer)

    @extend_schema(
        operation_id="sse",
        parameters=[OpenApiParameter("bot_id", int), OpenApiParameter("job_id", int)],
        responses={(200, "text/event-stream"): OpenApiTypes.STR},
        examples=[
            OpenApiExample(
                "A bot starts",
                value='event: bot.state\ndata: {"bot_id":1,"status":"running","job_id":12}\n\n',
                media_type="text/event-stream",
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """`bot.state`, `portfolio.snapshot`, `job.progress` and `system.notice` as they happen."""
        wanted = {
            name: optional_number(request.query_params, name, lowest=1)
            for name in ("bot_id", "job_id")
        }
        caller = caller_of(request.headers, request.COOKIES)
        if not connection.in_atomic_block:
            connection.close()  # a stream may live for days and needs no database
        response = StreamingHttpResponse(
            stream(wanted=wanted, caller=caller), content_type="text/event-stream"
        )
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Accel-Buffering"] = "no"
        return response

    def handle_exception(self, exc: Exception) -> Response:
        # A refusal is JSON, whatever the client hoped for.
        self.request.accepted_renderer = OrjsonRenderer()
        self.request.accepted_media_type = OrjsonRenderer.media_type
        return super().handle_exception(exc)


async def stream(*, wanted: Mapping[str, int | None], caller: Caller) -> AsyncIterator[bytes]:
    """Frames until the client goes or its login ends; a comment each 15 s keeps proxies awake."""
    layer = get_channel_layer()
    try:
        channel = await layer.new_channel()
        await layer.group_add(EVENTS_GROUP, channel)
    except RedisError as error:
        log.warning("stream.bus_unreachable", error=str(error))
        yield b"retry: 5000\n\n"
        return
    mailbox = Mailbox()
    listening = asyncio.create_task(_listen(layer, channel, mailbox, wanted))
    checked_at = clock.mono()
    try:
        yield b": welcome\n\n"  # from here on nothing is missed
        while True:
            frame = await _next_frame(mailbox)
            if clock.mono() - checked_at > RECHECK_S:
                checked_at = clock.mono()
                if not await caller.may(access.VIEW):
                    return
            yield frame
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
        await layer.group_discard(EVENTS_GROUP, channel)


async def _next_frame(mailbox: Mailbox) -> bytes:
    try:
        message = await asyncio.wait_for(mailbox.get(), KEEP_ALIVE_S)
    except TimeoutError:
        return b": keep-alive\n\n"
    event: str = message["event"]
    data = {name: message["data"].get(name) for name in PAYLOADS[event]}
    return b"event: %s\ndata: %s\n\n" % (event.encode(), to_json(data))


async def _listen(
    layer: Any, channel: str, mailbox: Mailbox, wanted: Mapping[str, int | None]
) -> None:
    while True:
        message = await layer.receive(channel)
        if message["event"] in PAYLOADS and concerns(message["data"], wanted):
            mailbox.put(message)


def concerns(data: Mapping[str, Any], wanted: Mapping[str, int | None]) -> bool:
    """Whether an event passes the filter; what names no bot or job concerns everybody."""
    return all(value is None or data.get(name) in {None, value} for name, value in wanted.items())
