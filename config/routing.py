"""WebSocket routes. A socket without a login is refused by its consumer."""

from __future__ import annotations

from django.urls import path, re_path

from marketdata.consumers import TickConsumer
from strategies.consumers import SignalConsumer
from trading.consumers import EventConsumer

websocket_urlpatterns = [
    path("ws/events", EventConsumer.as_asgi()),
    path("ws/signals", SignalConsumer.as_asgi()),
    path("ws", SignalConsumer.as_asgi()),
    path("ws/ticks", TickConsumer.as_asgi()),
    # A symbol may hold a slash: BTC/USDT, BTC-USDT and BTCUSDT are one.
    re_path(r"^ws/ticks/(?P<symbol>.+)$", TickConsumer.as_asgi()),
    re_path(r"^api/(?:v1/)?stream/ticks/(?P<symbol>.+)$", TickConsumer.as_asgi()),
]
