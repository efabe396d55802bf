"""Orders, fills, positions and round trips of all bots."""

from __future__ import annotations

from functools import cache

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from config import clock
from config.pages import Request, csv_file, done, page, pages_of
from trading import access, queries, services
from trading.filters import FillFilter, OrderFilter, TradeFilter

FILL_COLUMNS = (
    "at",
    "bot__name",
    "symbol__name",
    "side",
    "qty",
    "price",
    "fee",
    "fee_asset",
    "liquidity",
)
TRADE_COLUMNS = (
    "opened_at",
    "closed_at",
    "bot__name",
    "symbol__name",
    "status",
    "qty",
    "entry_price",
    "exit_price",
    "fees",
    "pnl",
    "entry_reason",
    "exit_reason",
)


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def orders(request: Request) -> HttpResponse:
    filter = OrderFilter(request.GET)
    context = {"filter": filter, "page": pages_of(request, filter.narrow(queries.orders()))}
    return page(request, "trading/orders/list.html", context, parts=("orders",))


@require_POST
@permission_required(access.OPERATE, raise_exception=True)
def order_cancel(request: Request, order_id: int) -> HttpResponse:
    order = services.cancel_order(order_id=order_id, by=request.user, now=clock.now())
    return done(request, f"The order is {order.status.lower()}.", to=reverse("trading:orders"))


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def fills(request: Request) -> HttpResponse:
    filter = FillFilter(request.GET)
    rows = filter.narrow(queries.fills())
    if "csv" in request.GET:
        return csv_file("fills.csv", FILL_COLUMNS, rows.values_list(*FILL_COLUMNS))
    context = {"filter": filter, "page": pages_of(request, rows)}
    return page(request, "trading/fills/list.html", context, parts=("fills",))


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def positions(request: Request) -> HttpResponse:
    context = {"positions": cache(queries.positions_now)}
    return page(request, "trading/positions/list.html", context, parts=("positions",))


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def trades(request: Request) -> HttpResponse:
    filter = TradeFilter(request.GET)
    rows = filter.narrow(queries.trades())
    if "csv" in request.GET:
        return csv_file("trades.csv", TRADE_COLUMNS, rows.values_list(*TRADE_COLUMNS))
    context = {"filter": filter, "page": pages_of(request, rows)}
    return page(request, "trading/trades/list.html", context, parts=("trades",))
