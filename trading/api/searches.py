"""The optimiser: a search inside bounds, and its best as a candidate."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import clock
from config.permissions import person
from strategies import access as strategy_access
from strategies.queries import strategy_called
from trading import access, queries, services
from trading.models import Search
from trading.serializers.simulations import (
    ProposalSerializer,
    SearchSerializer,
    SimulationSerializer,
    TrainSerializer,
)


class TrainView(APIView):
    permission_classes = (strategy_access.MayOperate,)

    @extend_schema(
        request=TrainSerializer,
        responses={202: SearchSerializer},
        examples=[
            OpenApiExample(
                "A small grid",
                value={
                    "strategy": "sma_cross",
                    "symbols": ["BTC/USDT"],
                    "timeframe": "1h",
                    "from": "2023-01-01T00:00:00Z",
                    "to": "2023-12-31T00:00:00Z",
                    "method": "grid",
                    "space": {
                        "fast": {"low": 5, "high": 30, "step": 5},
                        "slow": {"values": [50, 100]},
                    },
                    "objective": "sharpe",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Search in-sample as a job; what it finds is at ai/optimizer/propose."""
        asked = TrainSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = dict(asked.validated_data)
        search = services.search_strategy(
            strategy=given.pop("strategy"), asked=given, by=person(request), now=clock.now()
        )
        return Response(SearchSerializer(search).data, status=202)


class ProposeView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(
        parameters=[OpenApiParameter("strategy", str, required=True)],
        responses=ProposalSerializer,
    )
    def get(self, request: Request) -> Response:
        """The best of the newest search of a strategy, with its simulation if there is one."""
        name = strategy_called(request.query_params.get("strategy", "")).name
        search = queries.newest_search(name)
        best = search.best[0]
        told = {
            "search": search,
            "params": best["params"],
            "score": best["score"],
            "simulation": queries.simulation_of(search),
        }
        return Response(ProposalSerializer(told).data)


class SearchesView(ListAPIView[Search]):
    """Searches, the newest first."""

    permission_classes = (access.MayView,)
    serializer_class = SearchSerializer

    def get_queryset(self) -> QuerySet[Search]:
        return queries.searches()


class SearchView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=SearchSerializer)
    def get(self, request: Request, search_id: int) -> Response:
        """One search."""
        return Response(SearchSerializer(queries.search(search_id)).data)


class SearchResumeView(APIView):
    permission_classes = (strategy_access.MayOperate,)

    @extend_schema(request=None, responses={202: SearchSerializer})
    def post(self, request: Request, search_id: int) -> Response:
        """Let a canceled or failed search go on where it was."""
        row = services.resume_search(
            search=queries.search(search_id), by=person(request), now=clock.now()
        )
        return Response(SearchSerializer(row).data, status=202)


class SearchProposeView(APIView):
    permission_classes = (strategy_access.MayOperate,)

    @extend_schema(request=None, responses={202: SimulationSerializer})
    def post(self, request: Request, search_id: int) -> Response:
        """Make the best a candidate version and simulate it on the whole range."""
        simulation = services.propose_candidate(
            search=queries.search(search_id), by=person(request), now=clock.now()
        )
        return Response(SimulationSerializer(simulation).data, status=202)
