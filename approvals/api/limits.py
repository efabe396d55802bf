"""REST doors to looser limits of real money: asking. Deciding is as for every request."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals import services
from approvals.serializers.approvals import (
    AccountLimitsSerializer,
    ApprovalSerializer,
    BotLimitsSerializer,
)
from config import clock
from config.permissions import person
from trading.access import MayAdminister, MayOperate


class BotLimitsRequestView(APIView):
    permission_classes = (MayOperate,)

    @extend_schema(
        request=BotLimitsSerializer,
        responses={201: ApprovalSerializer},
        examples=[
            OpenApiExample(
                "More in one symbol",
                value={"knobs": {"max_position": "0.5"}, "reason": "Two good weeks."},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, bot_id: int) -> Response:
        """Ask others to agree to looser knobs of a live bot; `PATCH` and `knobs` answer 409."""
        asked = BotLimitsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        return _asked(request, bot_id=bot_id, changes=given["knobs"], reason=given["reason"])


class AccountLimitsRequestView(APIView):
    permission_classes = (MayAdminister,)

    @extend_schema(
        request=AccountLimitsSerializer,
        responses={201: ApprovalSerializer},
        examples=[
            OpenApiExample(
                "Larger orders",
                value={"max_order": "800", "reason": "The book is deep enough."},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, account_id: int) -> Response:
        """Ask others to agree to looser limits of an account with which a bot is live."""
        asked = AccountLimitsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        changes = dict(asked.validated_data)
        reason = changes.pop("reason")
        return _asked(request, account_id=account_id, changes=changes, reason=reason)


def _asked(request: Request, **given: Any) -> Response:
    row = services.request_limits(by=person(request), now=clock.now(), **given)
    return Response(ApprovalSerializer(row).data, status=201)
