"""Equity, its curve, and the measures of performance."""

from __future__ import annotations

from rest_framework import serializers

from config.api_fields import ApiSerializer, PlainDecimal


class PortfolioSerializer(ApiSerializer):
    """The newest snapshot of one bot, or of all live ones together; null before the first."""

    bot_id = serializers.IntegerField(allow_null=True)
    equity = PlainDecimal(allow_null=True)
    cash = PlainDecimal(allow_null=True)
    positions_value = PlainDecimal(allow_null=True)
    pnl = PlainDecimal(allow_null=True)
    drawdown = serializers.FloatField(allow_null=True)
    prices = serializers.DictField(child=serializers.FloatField())
    bots = serializers.IntegerField()
    timestamp = serializers.DateTimeField(source="at", allow_null=True)


class EquityPointSerializer(ApiSerializer):
    """One point of the curve, for charts: floats."""

    at = serializers.DateTimeField()
    equity = serializers.FloatField()
    cash = serializers.FloatField()
    positions_value = serializers.FloatField()
    drawdown = serializers.FloatField()


class EquityCurveSerializer(ApiSerializer):
    """The curve, oldest first, thinned to about `points` points."""

    bot_id = serializers.IntegerField(allow_null=True)
    points = EquityPointSerializer(many=True)


class MetricSerializer(ApiSerializer):
    """One measure: null where it isn't defined, and `reason` says why."""

    name = serializers.CharField()
    title = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    unit = serializers.CharField()
    formula = serializers.CharField()
    n = serializers.IntegerField(help_text="Sample size.")
    reason = serializers.CharField()


class PerformanceSerializer(ApiSerializer):
    """The metric set; `version` names the formulas, so that numbers stay comparable."""

    version = serializers.IntegerField()
    equity_points = serializers.IntegerField()
    days = serializers.IntegerField()
    trades = serializers.IntegerField()
    metrics = MetricSerializer(many=True)
