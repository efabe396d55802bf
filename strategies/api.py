"""REST doors of strategies; the one that makes versions is with the audit log, in trading."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from strategies import access, queries
from strategies.models import Strategy
from strategies.serializers import StrategySerializer


class StrategiesView(ListAPIView[Strategy]):
    """The built-in strategies with their parameters' schema."""

    permission_classes = (access.MayView,)
    serializer_class = StrategySerializer

    def get_queryset(self) -> QuerySet[Strategy]:
        return Strategy.objects.prefetch_related("versions")


class StrategyView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=StrategySerializer)
    def get(self, request: Request, strategy: str) -> Response:
        """One strategy, by name or id."""
        return Response(StrategySerializer(queries.strategy_called(strategy)).data)
