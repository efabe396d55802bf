"""REST doors of the two steps to real money: asking and approving."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals import services
from config import clock
from config.permissions import person
from trading import access as trading_access
from trading.api.live import GrantsView as GrantsListView
from trading.authentication import via_of
from trading.serializers.live import (
    GrantApproveSerializer,
    GrantCreateSerializer,
    GrantSerializer,
)


class GrantsView(GrantsListView):
    """Live grants and requests for them, the newest first."""

    def get_permissions(self) -> list[BasePermission]:
        reads = self.request.method in SAFE_METHODS
        return [trading_access.MayView() if reads else trading_access.MayOperate()]

    @extend_schema(
        request=GrantCreateSerializer,
        responses={201: GrantSerializer},
        examples=[
            OpenApiExample(
                "A day with up to 800 USDT",
                value={
                    "bot_id": 1,
                    "account_id": 1,
                    "max_order": "500",
                    "max_exposure": "800",
                    "hours": 24,
                    "reason": "Two good weeks on paper.",
                    "typed_name": "BTC trend",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Ask that a bot may spend real money; 409 with the reasons while a gate is closed."""
        asked = GrantCreateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        grant = services.ask_live(by=person(request), now=clock.now(), **asked.validated_data)
        return Response(GrantSerializer(grant).data, status=201)


class GrantApproveView(APIView):
    permission_classes = (trading_access.MayApproveLive,)

    @extend_schema(request=GrantApproveSerializer, responses=GrantSerializer)
    def post(self, request: Request, grant_id: int) -> Response:
        """Let the bot go live: by another person than asked, with a password given minutes ago."""
        asked = GrantApproveSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        grant = services.approve_live(
            grant_id=grant_id,
            by=person(request),
            via=via_of(request),
            now=clock.now(),
            **asked.validated_data,
        )
        return Response(GrantSerializer(grant).data)
