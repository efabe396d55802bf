"""REST doors of agents, findings, postures and signals. They only read; what agents are told
to do is audited, so those doors are in trading."""

from __future__ import annotations

from typing import Any

from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.pagination import CursorPagination
from config.query_params import optional_choice, whole_number
from marketdata.queries import resolve_symbol
from strategies import access, finding_buffer, queries, readers
from strategies.agent_serializers import (
    AgentsSerializer,
    FindingSerializer,
    FindingsSerializer,
    PostureSerializer,
    SignalSerializer,
    buffered_finding,
)
from strategies.agents import AGENTS
from strategies.models import Finding, Posture, Signal

SYMBOL = OpenApiParameter("symbol", str, description="BTC/USDT, BTCUSDT or simulated:BTC/USDT.")
AGENT = OpenApiParameter("agent", enum=list(AGENTS))
LABEL = OpenApiParameter("label", str)
MIN_SCORE = OpenApiParameter("min_score", int)
CURSOR = OpenApiParameter("cursor", str, description="`next_cursor` of an earlier answer.")
LIMIT = OpenApiParameter("limit", int, description="1 to 1000 (default 100).")


class AgentsView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(operation_id="agents_list", responses=AgentsSerializer)
    def get(self, request: Request) -> Response:
        """The agents with their settings, last and next run, and last error."""
        return Response(AgentsSerializer({"agents": queries.agent_states()}).data)


class FindingsView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(
        parameters=[SYMBOL, AGENT, LABEL, MIN_SCORE, CURSOR, LIMIT], responses=FindingsSerializer
    )
    def get(self, request: Request) -> Response:
        """What agents noticed, the newest first.

        While the database is away: the newest ones that are on the bus, for who was let in
        within the last quarter of an hour.
        """
        pages = CursorPagination()
        rows = pages.paginate_queryset(_findings(request), request, self)
        readers.remember_reader(request)
        answer = pages.get_paginated_response(FindingSerializer(rows, many=True).data).data
        return Response(
            {
                "findings": answer["results"],
                "source": "database",
                "next_cursor": answer["next_cursor"],
            }
        )

    def handle_exception(self, exc: Exception) -> Response:
        away = isinstance(exc, OperationalError | InterfaceError)
        if away and self.request.method == "GET" and readers.is_remembered(self.request):
            return _buffered(self.request)
        return super().handle_exception(exc)


@extend_schema_view(get=extend_schema(parameters=[SYMBOL]))
class PostureView(ListAPIView[Posture]):
    """The standing view on each symbol, with how long its leaning has lasted."""

    permission_classes = (access.MayView,)
    serializer_class = PostureSerializer
    cursor_field = "symbol_id"

    def get_queryset(self) -> QuerySet[Posture]:
        rows = Posture.objects.select_related("symbol")
        name = self.request.query_params.get("symbol")
        return rows.filter(symbol=resolve_symbol(name)) if name else rows


@extend_schema_view(
    get=extend_schema(
        parameters=[SYMBOL, OpenApiParameter("strategy", str), OpenApiParameter("executed", bool)]
    )
)
class LatestView(ListAPIView[Signal]):
    """The newest signals of strategies and rules, with whether an order followed."""

    permission_classes = (access.MayView,)
    serializer_class = SignalSerializer

    def get_queryset(self) -> QuerySet[Signal]:
        params = self.request.query_params
        rows = Signal.objects.select_related("symbol")
        if name := params.get("symbol"):
            rows = rows.filter(symbol=resolve_symbol(name))
        if strategy := params.get("strategy"):
            rows = rows.filter(strategy=strategy)
        if executed := optional_choice(params, "executed", ["true", "false"]):
            rows = rows.filter(executed=executed == "true")
        return rows


def _findings(request: Request) -> QuerySet[Finding]:
    params = request.query_params
    wanted: dict[str, Any] = {}
    if name := params.get("symbol"):
        wanted["symbol"] = resolve_symbol(name)
    if agent := optional_choice(params, "agent", AGENTS):
        wanted["agent"] = agent
    if label := params.get("label"):
        wanted["label"] = label
    if "min_score" in params:
        wanted["score__gte"] = whole_number(params, "min_score", default=0)
    return Finding.objects.select_related("symbol").filter(**wanted)


def _buffered(request: Request) -> Response:
    params = request.query_params
    drafts = finding_buffer.recent(
        symbol=params.get("symbol", "").upper().replace("-", "/"),
        agent=params.get("agent", ""),
        limit=whole_number(params, "limit", default=100, lowest=1, highest=1000),
    )
    findings = [buffered_finding(draft) for draft in drafts]
    return Response({"findings": findings, "source": "buffer", "next_cursor": None})
