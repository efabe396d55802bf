"""Shapes of the market data API. Rows in bulk are described here and written past DRF."""

from __future__ import annotations

import math
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api_fields import ApiModelSerializer, ApiSerializer, StrictSerializer
from marketdata.models import Annotation, Symbol

LATEST_MS = 253_402_300_799_999
MAX_POINTS = 100


class SymbolSerializer(ApiModelSerializer[Symbol]):
    """One pair on one exchange, with precision and minimums."""

    class Meta:
        model = Symbol
        fields = (
            "id",
            "exchange",
            "name",
            "base",
            "quote",
            "status",
            "price_tick",
            "qty_step",
            "min_qty",
            "min_notional",
            "days_per_year",
            "watched",
            "updated_at",
        )


class TickerSerializer(ApiSerializer):
    """The newest price; nulls where the exchange gives none."""

    symbol = serializers.CharField()
    exchange = serializers.CharField()
    price = serializers.FloatField(allow_null=True)
    change_24h = serializers.FloatField(allow_null=True, help_text="A fraction: 0.01 is 1 %.")
    volume_24h = serializers.FloatField(allow_null=True, help_text="In the base asset.")
    bid = serializers.FloatField(allow_null=True)
    ask = serializers.FloatField(allow_null=True)
    timestamp = serializers.DateTimeField(allow_null=True)


class CandleSerializer(ApiSerializer):
    """One closed candle; times in UTC ms, `close_ms` is when it closed."""

    open_ms = serializers.IntegerField()
    close_ms = serializers.IntegerField()
    open = serializers.FloatField()
    high = serializers.FloatField()
    low = serializers.FloatField()
    close = serializers.FloatField()
    volume = serializers.FloatField()


class HoleSerializer(ApiSerializer):
    """Candles that are missing: [from_ms, to_ms) by open time."""

    from_ms = serializers.IntegerField()
    to_ms = serializers.IntegerField()
    candles = serializers.IntegerField()


class CandlesSerializer(ApiSerializer):
    """Candles, oldest first, with the holes among them."""

    symbol = serializers.CharField()
    exchange = serializers.CharField()
    interval = serializers.CharField()
    candles = CandleSerializer(many=True)
    gaps = HoleSerializer(many=True)


class IndicatorSerializer(ApiSerializer):
    """A stored series: per line a list of [open_ms, value], oldest first."""

    symbol = serializers.CharField()
    exchange = serializers.CharField()
    interval = serializers.CharField()
    name = serializers.CharField()
    params = serializers.DictField()
    params_hash = serializers.CharField()
    lines = serializers.DictField(
        child=serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))
    )


class PointSerializer(StrictSerializer):
    """A corner of a drawing: time in UTC ms, price."""

    time = serializers.IntegerField(min_value=0, max_value=LATEST_MS)
    price = serializers.FloatField()

    def validate_price(self, value: float) -> float:
        if not math.isfinite(value):
            raise serializers.ValidationError("Must be a finite number.")
        return value


class AnnotationSerializer(ApiModelSerializer[Annotation]):
    """A drawing on a chart."""

    symbol = serializers.CharField(source="symbol.name")
    exchange = serializers.CharField(source="symbol.exchange")
    points = PointSerializer(many=True)
    style = serializers.DictField()  # type: ignore[assignment]  # Field has a style of its own
    created_by = serializers.SerializerMethodField()

    class Meta:
        model = Annotation
        fields = (
            "id",
            "symbol",
            "exchange",
            "shape_type",
            "points",
            "style",
            "label",
            "created_by",
            "created_at",
        )

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_created_by(self, annotation: Annotation) -> str | None:
        return annotation.created_by.get_username() if annotation.created_by else None


class AnnotationChangeSerializer(StrictSerializer):
    """What a PATCH may change."""

    shape_type = serializers.ChoiceField(choices=Annotation.Shape.values, required=False)
    points = PointSerializer(many=True, required=False)
    style = serializers.DictField(  # type: ignore[assignment]  # Field has a style of its own
        child=serializers.CharField(max_length=40, allow_blank=True), required=False
    )
    label = serializers.CharField(  # type: ignore[assignment]  # and a label
        max_length=120, allow_blank=True, required=False
    )

    def validate_points(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if not 1 <= len(value) <= MAX_POINTS:
            raise serializers.ValidationError(f"From 1 to {MAX_POINTS} points.")
        return [dict(point) for point in value]


class AnnotationCreateSerializer(AnnotationChangeSerializer):
    """A new drawing."""

    symbol = serializers.CharField(max_length=60)
    shape_type = serializers.ChoiceField(choices=Annotation.Shape.values)
    points = PointSerializer(many=True)
