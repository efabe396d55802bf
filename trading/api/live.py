"""Going live and back, and orders with real money."""

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
from config.query_params import optional_number
from marketdata.models import Symbol
from marketdata.queries import resolve_symbol
from trading import access, queries, services
from trading.api.filters import BOT, bot_filter
from trading.authentication import via_of
from trading.live_pages import going_live
from trading.models import LiveGrant
from trading.serializers.bots import BotSerializer
from trading.serializers.live import (
    GoingLiveSerializer,
    GrantSerializer,
    LiveOrderCreateSerializer,
    LivePreviewSerializer,
)
from trading.serializers.orders import OrderSerializer
from trading.serializers.system import ReasonSerializer

ACCOUNT = OpenApiParameter("account", int, description="As if it traded with this account, by id.")


class BotLiveView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(parameters=[ACCOUNT], responses=GoingLiveSerializer)
    def get(self, request: Request, bot_id: int) -> Response:
        """Every gate between a bot and real money, its grant, and the request that waits."""
        account_id = optional_number(request.query_params, "account", lowest=1)
        found = going_live(bot_id, now=clock.now(), account_id=account_id)
        return Response(GoingLiveSerializer(found).data)


class BotPaperView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(request=ReasonSerializer, responses=BotSerializer)
    def post(self, request: Request, bot_id: int) -> Response:
        """Back to paper; 409 unless it is stopped, flat and without working orders."""
        asked = ReasonSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        bot = services.bring_to_paper(
            bot_id=bot_id, by=person(request), now=clock.now(), **asked.validated_data
        )
        return Response(BotSerializer(bot).data)


@extend_schema_view(get=extend_schema(parameters=[BOT]))
class GrantsView(ListAPIView[LiveGrant]):
    """Live grants and requests for them, the newest first."""

    permission_classes: tuple[type[access.MayView], ...] = (access.MayView,)
    serializer_class = GrantSerializer

    def get_queryset(self) -> QuerySet[LiveGrant]:
        return queries.grants().filter(**bot_filter(self.request))


class GrantView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=GrantSerializer)
    def get(self, request: Request, grant_id: int) -> Response:
        """One grant; its digest is what an approval names."""
        return Response(GrantSerializer(services.get_grant(grant_id)).data)


class GrantRevokeView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(request=ReasonSerializer, responses=GrantSerializer)
    def post(self, request: Request, grant_id: int) -> Response:
        """From now on the bot buys nothing; what it holds it may sell."""
        asked = ReasonSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        grant = services.revoke_grant(
            grant_id=grant_id, by=person(request), now=clock.now(), **asked.validated_data
        )
        return Response(GrantSerializer(grant).data)


class LiveOrderView(APIView):
    permission_classes = (access.MayAdminister,)
    own_transactions = True  # the claim must be on disk before the order leaves

    @extend_schema(
        request=LiveOrderCreateSerializer,
        responses={200: LivePreviewSerializer, 201: OrderSerializer},
        examples=[
            OpenApiExample(
                "Show what would be sent",
                value={
                    "bot_id": 1,
                    "symbol": "BTC/USDT",
                    "side": "BUY",
                    "qty": "0.001",
                    "dry_run": True,
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Send one order with real money (201), or with `dry_run` show it and its gates (200).

        Sending needs live mode, a password given minutes ago, and for buys a standing grant
        and every gate open. The same Idempotency-Key never sends a second order.
        """
        asked = LiveOrderCreateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given, by, now = dict(asked.validated_data), person(request), clock.now()
        dry_run = given.pop("dry_run")
        given["symbol"] = _meant(given["bot_id"], given["symbol"])
        key = f"{by.pk}:{request.headers.get('Idempotency-Key') or uuid.uuid4().hex}"
        wanted = services.Wanted(**given)
        if dry_run:
            shown = services.preview_live_order(wanted=wanted, now=now, idempotency_key=key)
            return Response(LivePreviewSerializer(shown).data)
        order = services.place_live_order(
            wanted=wanted, by=by, via=via_of(request), now=now, idempotency_key=key
        )
        return Response(OrderSerializer(order).data, status=201)

    @staticmethod
    def remembered(body: Any) -> bool:
        """A dry run does nothing, so it leaves its key to the order."""
        return not (isinstance(body, dict) and body.get("dry_run") is True)


def _meant(bot_id: int, name: str) -> Symbol:
    """A bare name means the symbol of the exchange that the bot's account is at."""
    account = services.get_bot(bot_id).account
    if account is None or ":" in name:
        return resolve_symbol(name)
    return resolve_symbol(f"{account.exchange}:{name}")
