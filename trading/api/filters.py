"""Query parameters that several lists share, as filters of the ORM."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from config.query_params import optional_choice, optional_instant, optional_number
from marketdata.queries import resolve_symbol
from trading import services
from trading.order_state import LIVE, WORKING, OrderStatus

BOT = OpenApiParameter("bot", int, description="Only this bot, by id.")
SYMBOL = OpenApiParameter("symbol", str, description="BTC/USDT, BTCUSDT or simulated:BTC/USDT.")
FROM = OpenApiParameter("from", OpenApiTypes.STR, description="ISO 8601 or ms; inclusive.")
TO = OpenApiParameter("to", OpenApiTypes.STR, description="ISO 8601 or ms; exclusive.")


def bot_filter(request: Request) -> dict[str, Any]:
    """`?bot=`."""
    bot_id = bot_of(request)
    return {} if bot_id is None else {"bot_id": bot_id}


def bot_of(request: Request) -> int | None:
    """The id in `?bot=`, or None for all bots; an unknown one is a 404, not an empty answer."""
    bot_id = optional_number(request.query_params, "bot", lowest=1)
    return None if bot_id is None else services.get_bot(bot_id).pk


def symbol_filter(request: Request) -> dict[str, Any]:
    """`?symbol=`; an unknown one is a 404, not an empty list."""
    name = request.query_params.get("symbol")
    return {"symbol": resolve_symbol(name)} if name else {}


def time_filter(request: Request, field: str) -> dict[str, Any]:
    """`?from=&to=` over a datetime column, half-open."""
    bounds = {
        f"{field}__gte": optional_instant(request.query_params, "from"),
        f"{field}__lt": optional_instant(request.query_params, "to"),
    }
    return {name: value for name, value in bounds.items() if value is not None}


def choice_filter(request: Request, name: str, choices: list[str]) -> dict[str, Any]:
    """`?name=` as one of `choices`, whatever its case."""
    value = optional_choice(request.query_params, name, choices)
    return {} if value is None else {name: value}


def order_status_filter(request: Request) -> dict[str, Any]:
    """`?status=`: a status, or `open` for what rests at the broker, `live` for all but ended."""
    groups = {"open": WORKING, "live": LIVE}
    names = [status.value for status in OrderStatus if status != OrderStatus.OPEN]
    value = optional_choice(request.query_params, "status", [*groups, *names])
    if value is None:
        return {}
    return {"status__in": groups.get(value, {value})}
