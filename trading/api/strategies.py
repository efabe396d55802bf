"""Versions of a strategy: what is done with them is audited, so the door is here."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import clock
from config.permissions import person
from strategies import access, queries
from strategies.models import StrategyVersion
from strategies.serializers import (
    DraftChangeSerializer,
    VersionCreateSerializer,
    VersionSerializer,
)
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
        """A candidate from parameters, or with `draft` a draft; the same content gives the
        version that exists.
        """
        asked = VersionCreateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = dict(asked.validated_data)
        make = services.save_draft if given.pop("draft") else services.create_version
        version = make(
            strategy_name=queries.strategy_called(strategy).name,
            by=person(request),
            now=clock.now(),
            **given,
        )
        return Response(VersionSerializer(version).data, status=201)


class StrategyVersionView(APIView):
    def get_permissions(self) -> list[BasePermission]:
        reads = self.request.method in SAFE_METHODS
        return [access.MayView() if reads else access.MayOperate()]

    @extend_schema(operation_id="strategies_version", responses=VersionSerializer)
    def get(self, request: Request, strategy: str, number: int) -> Response:
        """One version."""
        return _shown(_version(strategy, number))

    @extend_schema(request=DraftChangeSerializer, responses=VersionSerializer)
    def patch(self, request: Request, strategy: str, number: int) -> Response:
        """Change a draft; the parameters of any other version stay."""
        asked = DraftChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        version = services.change_draft(
            version_id=_version(strategy, number).pk,
            by=person(request),
            now=clock.now(),
            **asked.validated_data,
        )
        return _shown(version)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, strategy: str, number: int) -> Response:
        """Take a draft away; its number is not given again."""
        services.delete_draft(
            version_id=_version(strategy, number).pk, by=person(request), now=clock.now()
        )
        return Response(status=204)


class VersionProposeView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(request=None, responses=VersionSerializer)
    def post(self, request: Request, strategy: str, number: int) -> Response:
        """A draft becomes a candidate, whose parameters stay; what was retired begins anew."""
        version = services.propose_version(
            version_id=_version(strategy, number).pk, by=person(request), now=clock.now()
        )
        return _shown(version)


def _version(strategy: str, number: int) -> StrategyVersion:
    return queries.version_numbered(queries.strategy_called(strategy).name, number)


def _shown(version: StrategyVersion) -> Response:
    return Response(VersionSerializer(version).data)
