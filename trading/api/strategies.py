"""Versions of a strategy: making one is audited, so the door is here."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from config import clock
from config.permissions import person
from strategies import access, queries
from strategies.models import StrategyVersion
from strategies.serializers import VersionCreateSerializer, VersionSerializer
from trading import services


class StrategyVersionsView(ListAPIView[StrategyVersion]):
    """Versions, the newest first, each with what it changes against the one before."""

    serializer_class = VersionSerializer
    cursor_field = "number"

    def get_permissions(self) -> list[BasePermission]:
        reads = self.request.method in SAFE_METHODS
        return [access.MayView() if reads else access.MayOperate()]

    def get_queryset(self) -> QuerySet[StrategyVersion]:
        name = queries.strategy_called(self.kwargs["strategy"]).name
        return queries.versions_of(name)

    @extend_schema(
        request=VersionCreateSerializer,
        responses={201: VersionSerializer},
        examples=[
            OpenApiExample(
                "Faster",
                value={"params": {"fast": 8, "slow": 21}, "note": "Faster in trends"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, strategy: str) -> Response:
        """A candidate from parameters; the same content gives the version that exists."""
        asked = VersionCreateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        version = services.create_version(
            strategy_name=queries.strategy_called(strategy).name,
            by=person(request),
            now=clock.now(),
            **asked.validated_data,
        )
        return Response(VersionSerializer(version).data, status=201)
