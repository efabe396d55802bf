"""REST door of outlooks: what bots would do with a version that people are asked about."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals import access, queries
from config.api_fields import ApiSerializer, PlainDecimal
from trading.outlook import in_numbers


class WishSerializer(ApiSerializer):
    """What one version would do in one symbol; null for what is unknown, or for no order."""

    target = serializers.FloatField(allow_null=True)
    wanted = PlainDecimal(allow_null=True)
    side = serializers.CharField(allow_blank=True)
    reason = serializers.CharField()
    denied = serializers.BooleanField()
    qty = PlainDecimal(allow_null=True)
    worth = PlainDecimal(allow_null=True)
    fee = PlainDecimal(allow_null=True)
    value_after = PlainDecimal()


class SymbolOutlookSerializer(ApiSerializer):
    """One symbol of a bot at its newest closed candle; values in the bot's quote asset."""

    symbol = serializers.CharField()
    asset = serializers.CharField()
    close_ms = serializers.IntegerField()
    price = PlainDecimal()
    qty = PlainDecimal()
    value = PlainDecimal()
    active = WishSerializer()
    candidate = WishSerializer()


class BotOutlookSerializer(ApiSerializer):
    """One bot that would take the version; exposures are fractions of its equity."""

    bot = serializers.IntegerField()
    quote = serializers.CharField(allow_blank=True)
    equity = PlainDecimal(allow_null=True)
    exposure = serializers.FloatField(allow_null=True)
    exposure_active = serializers.FloatField(allow_null=True)
    exposure_candidate = serializers.FloatField(allow_null=True)
    max_exposure = serializers.FloatField()
    max_position = serializers.FloatField()
    missing = serializers.CharField(allow_blank=True)
    symbols = SymbolOutlookSerializer(many=True)


class OutlookSerializer(ApiSerializer):
    """`measured_at` null: no worker has looked yet, or the request is about no version."""

    base = serializers.IntegerField(allow_null=True)
    measured_at = serializers.DateTimeField(allow_null=True)
    bots = BotOutlookSerializer(many=True)


class OutlookView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=OutlookSerializer)
    def get(self, request: Request, approval_id: int) -> Response:
        """What bots would do with the version now, as a worker last saw it."""
        seen = queries.outlook_of(queries.approval(approval_id).version_id)
        told: dict[str, Any] = {"base": None, "measured_at": None, "bots": []}
        if seen is not None:
            bots = [in_numbers(one) for one in seen.bots]
            told = {"base": seen.base.number, "measured_at": seen.measured_at, "bots": bots}
        return Response(OutlookSerializer(told).data)
