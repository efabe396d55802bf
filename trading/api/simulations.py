"""Simulations of strategy versions."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
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
from strategies import access as strategy_access
from trading import access, exports, queries, services
from trading.api.filters import choice_filter
from trading.models import Simulation
from trading.serializers.simulations import (
    SimulateSerializer,
    SimulationReportSerializer,
    SimulationSerializer,
)


class SimulateView(APIView):
    permission_classes = (strategy_access.MayOperate,)

    @extend_schema(
        request=SimulateSerializer,
        responses={202: SimulationSerializer},
        examples=[
            OpenApiExample(
                "Faster averages against the active version",
                value={
                    "params": {"fast": 8, "slow": 21},
                    "symbols": ["BTC/USDT"],
                    "timeframe": "5m",
                    "from": "2024-01-01T00:00:00Z",
                    "to": "2024-04-30T00:00:00Z",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, strategy: str) -> Response:
        """Simulate a candidate as a job, against the active version unless said otherwise."""
        asked = SimulateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        simulation = services.simulate_strategy(
            strategy=strategy, asked=dict(asked.validated_data), by=person(request), now=clock.now()
        )
        return Response(SimulationSerializer(simulation).data, status=202)


@extend_schema_view(
    get=extend_schema(
        parameters=[
            OpenApiParameter("strategy", str),
            OpenApiParameter("verdict", enum=Simulation.Verdict.values),
        ]
    )
)
class SimulationsView(ListAPIView[Simulation]):
    """Simulations, the newest first, without their reports."""

    permission_classes = (access.MayView,)
    serializer_class = SimulationSerializer

    def get_queryset(self) -> QuerySet[Simulation]:
        strategy = self.request.query_params.get("strategy")
        return queries.simulations().filter(
            **choice_filter(self.request, "verdict", Simulation.Verdict.values),
            **({"version__strategy__name": strategy} if strategy else {}),
        )


class SimulationView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=SimulationReportSerializer)
    def get(self, request: Request, simulation_id: int) -> Response:
        """One simulation with its report, null while there is none."""
        row = queries.simulation(simulation_id)
        context: dict[str, Any] = {"report": queries.report_of(row) if row.report_hash else None}
        return Response(SimulationReportSerializer(row, context=context).data)


class SimulationExportView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(
        parameters=[OpenApiParameter("kind", enum=list(exports.KINDS), location="path")],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, simulation_id: str, kind: str) -> HttpResponse:
        """The report as a file: json (its very bytes), csv of trades, fills or equity."""
        return exports.simulation_file(queries.simulation(int(simulation_id)), kind)
