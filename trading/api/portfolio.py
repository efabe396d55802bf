"""Portfolio, equity curve, performance, positions."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.query_params import optional_ms, whole_number
from config.rendering import json_response, to_json
from trading import access, queries, services
from trading.api.filters import BOT, FROM, TO, bot_of
from trading.serializers.orders import PositionSerializer
from trading.serializers.portfolio import (
    EquityCurveSerializer,
    PerformanceSerializer,
    PortfolioSerializer,
)

POINTS = OpenApiParameter("points", int, description="At most this many, 2 to 5000 (default 800).")


class PortfolioView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=PortfolioSerializer)
    def get(self, request: Request) -> Response:
        """All bots together, valued at their last snapshots."""
        return Response(_portfolio(None))


class BotPortfolioView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(operation_id="bot_portfolio_retrieve", responses=PortfolioSerializer)
    def get(self, request: Request, bot_id: int) -> Response:
        """One bot."""
        return Response(_portfolio(bot_id))


class PortfolioHistoryView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(parameters=[BOT, FROM, TO, POINTS], responses=EquityCurveSerializer)
    def get(self, request: Request) -> Any:
        """The equity curve of one bot or of all together, oldest first."""
        params = request.query_params
        bot_id = bot_of(request)
        points = queries.equity_curve(
            bot_id,
            from_ms=optional_ms(params, "from"),
            to_ms=optional_ms(params, "to"),
            points=whole_number(params, "points", default=800, lowest=2, highest=5000),
        )
        return json_response(to_json({"bot_id": bot_id, "points": [_point(p) for p in points]}))


class PerformanceView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(parameters=[BOT], responses=PerformanceSerializer)
    def get(self, request: Request) -> Response:
        """The metric set with formulas and sample sizes; null with a reason where undefined."""
        return Response(PerformanceSerializer(queries.performance(bot_of(request))).data)


class PositionsView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(parameters=[BOT], responses=PositionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """What is held, from fills, valued at the last price."""
        return Response(PositionSerializer(queries.positions_now(bot_of(request)), many=True).data)


def _portfolio(bot_id: int | None) -> dict[str, Any]:
    if bot_id is not None:
        services.get_bot(bot_id)  # 404 rather than an empty portfolio
    return {**PortfolioSerializer(queries.portfolio_now(bot_id)).data, "bot_id": bot_id}


def _point(point: queries.EquityPoint) -> dict[str, Any]:
    return {
        "at": point.at,
        "equity": float(point.equity),
        "cash": float(point.cash),
        "positions_value": float(point.positions_value),
        "drawdown": point.drawdown,
    }
