"""Intents, orders, fills, trades."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
    extend_schema_view,
)
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import clock
from config.permissions import person
from marketdata.queries import resolve_symbol
from trading import access, queries, services
from trading.api.filters import (
    BOT,
    FROM,
    SYMBOL,
    TO,
    bot_filter,
    choice_filter,
    order_status_filter,
    symbol_filter,
    time_filter,
)
from trading.errors import OrderUnknown
from trading.models import Fill, Order, Trade
from trading.models.orders import Side
from trading.serializers.orders import (
    FillSerializer,
    IntentCreateSerializer,
    IntentSerializer,
    OrderSerializer,
    PlaceSerializer,
    TradeSerializer,
)

STATUS = OpenApiParameter(
    "status", str, description="A status; `open`: rests at the broker; `live`: not ended."
)
SIDE = OpenApiParameter("side", enum=Side.values)
OPEN_OR_CLOSED = OpenApiParameter("status", enum=Trade.Status.values)


class IntentsView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(
        request=IntentCreateSerializer,
        responses={201: IntentSerializer},
        examples=[
            OpenApiExample(
                "Buy",
                value={"bot_id": 1, "symbol": "BTC/USDT", "side": "BUY", "qty": "0.01"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Ask the risk rules; 422 with the denial's code in `fields.denial` when they refuse."""
        asked = IntentCreateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given, by = dict(asked.validated_data), person(request)
        given["symbol"] = resolve_symbol(given["symbol"])
        key = request.headers.get("Idempotency-Key") or uuid.uuid4().hex
        intent = services.create_intent(
            by=by, now=clock.now(), idempotency_key=f"{by.pk}:{key}", **given
        )
        return Response(IntentSerializer(intent).data, status=201)


class PlaceView(APIView):
    permission_classes = (access.MayOperate,)
    own_transactions = True  # the claim must be on disk before the order leaves

    @extend_schema(request=PlaceSerializer, responses={201: OrderSerializer})
    def post(self, request: Request) -> Response:
        """Send an allowed intent to its broker, at most once."""
        asked = PlaceSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        order = services.place_order(by=person(request), now=clock.now(), **asked.validated_data)
        return Response(_shown(order.pk), status=201)


class OrderCancelView(APIView):
    permission_classes = (access.MayOperate,)
    own_transactions = True

    @extend_schema(request=None, responses=OrderSerializer)
    def post(self, request: Request, order_id: int) -> Response:
        """Cancel a working order."""
        services.cancel_order(order_id=order_id, by=person(request), now=clock.now())
        return Response(_shown(order_id))


class OrderView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=OrderSerializer)
    def get(self, request: Request, order_id: int) -> Response:
        """One order with its transitions."""
        return Response(_shown(order_id))


@extend_schema_view(get=extend_schema(parameters=[BOT, SYMBOL, STATUS, FROM, TO]))
class OrdersView(ListAPIView[Order]):
    """Orders with their transitions, the newest first."""

    permission_classes = (access.MayView,)
    serializer_class = OrderSerializer

    def get_queryset(self) -> QuerySet[Order]:
        return _orders().filter(
            **bot_filter(self.request),
            **symbol_filter(self.request),
            **order_status_filter(self.request),
            **time_filter(self.request, "created_at"),
        )


@extend_schema_view(get=extend_schema(parameters=[BOT, SYMBOL, SIDE, FROM, TO]))
class FillsView(ListAPIView[Fill]):
    """Fills, the newest first."""

    permission_classes = (access.MayView,)
    serializer_class = FillSerializer

    def get_queryset(self) -> QuerySet[Fill]:
        return queries.fills().filter(
            **bot_filter(self.request),
            **symbol_filter(self.request),
            **choice_filter(self.request, "side", Side.values),
            **time_filter(self.request, "at"),
        )


@extend_schema_view(get=extend_schema(parameters=[BOT, SYMBOL, OPEN_OR_CLOSED, FROM, TO]))
class TradesView(ListAPIView[Trade]):
    """Round trips, the newest first."""

    permission_classes = (access.MayView,)
    serializer_class = TradeSerializer

    def get_queryset(self) -> QuerySet[Trade]:
        return queries.trades().filter(
            **bot_filter(self.request),
            **symbol_filter(self.request),
            **choice_filter(self.request, "status", Trade.Status.values),
            **time_filter(self.request, "opened_at"),
        )


def _orders() -> QuerySet[Order]:
    return queries.orders().prefetch_related("transitions")


def _shown(order_id: int) -> dict[str, Any]:
    order = _orders().filter(pk=order_id).first()
    if order is None:
        raise OrderUnknown(f"There is no order {order_id}.")
    return dict(OrderSerializer(order).data)
