"""Numbers for the charts, compact: arrays instead of objects."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from config import clock
from config.pages import Request, whole_number
from config.rendering import json_response, to_json
from marketdata import store
from trading import access, queries, services
from trading.models import Fill

MOST_FILLS = 5000
MOST_CANDLES = 5000


@require_GET
@permission_required(access.VIEW, raise_exception=True)
def equity_points(request: Request, bot_id: int | None = None) -> HttpResponse:
    """`{"start", "points": [[ms, equity, drawdown], ...]}` of one bot, or of all live ones.

    `start` is the cash that it began with, which gains and losses are counted from.
    """
    curve = queries.equity_curve(bot_id)
    points = {clock.to_ms(point.at) // 1000 * 1000: point for point in curve}
    rows = [[ms, point.equity, point.drawdown] for ms, point in points.items()]
    now = queries.portfolio_now(bot_id)
    start = None if now.equity is None or now.pnl is None else float(now.equity - now.pnl)
    return json_response(to_json({"start": start, "points": rows}))


@require_GET
@permission_required(access.VIEW, raise_exception=True)
def bot_candles(request: Request, bot_id: int, symbol_id: int) -> HttpResponse:
    """Candles as the bot sees them: a replay's end where it has got to, not at today."""
    bot = services.get_bot(bot_id)
    lane = get_object_or_404(bot.botsymbol_set, symbol_id=symbol_id)
    ends = [whole_number(request.GET, "to"), lane.decided_ms if bot.is_replay else None]
    rows = store.candle_rows(
        symbol_id,
        bot.timeframe,
        from_ms=whole_number(request.GET, "from"),
        to_ms=min((end for end in ends if end is not None), default=None),
        limit=min(whole_number(request.GET, "limit") or MOST_CANDLES, MOST_CANDLES),
    )
    return json_response(to_json({"candles": rows}))


@require_GET
@permission_required(access.VIEW, raise_exception=True)
def fill_markers(request: Request, bot_id: int, symbol_id: int) -> HttpResponse:
    """`{"fills": [{at_ms, side, qty, price}, ...]}` from `?from=` on, oldest first."""
    rows = Fill.objects.filter(bot_id=bot_id, symbol_id=symbol_id)
    from_ms = whole_number(request.GET, "from")
    if from_ms is not None:
        rows = rows.filter(at__gte=clock.from_ms(from_ms))
    newest = list(rows.order_by("-at", "-id").only("at", "side", "qty", "price")[:MOST_FILLS])
    fills = [
        {"at_ms": clock.to_ms(row.at), "side": row.side, "qty": row.qty, "price": row.price}
        for row in reversed(newest)
    ]
    return json_response(to_json({"fills": fills}))
