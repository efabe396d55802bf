"""The ASGI application: pages and API over HTTP, pushes over WebSocket."""

from __future__ import annotations

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

http = get_asgi_application()

# The rest of the project may be imported only now that Django is set up.
from config.health_door import HealthDoor  # noqa: E402
from config.origins import SameOriginOnly  # noqa: E402
from config.routing import websocket_urlpatterns  # noqa: E402
from config.websocket_auth import CallerMiddleware  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": HealthDoor(http),
        "websocket": SameOriginOnly(CallerMiddleware(URLRouter(websocket_urlpatterns))),
    }
)
