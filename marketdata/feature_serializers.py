"""Shapes of live features in the API. Every number is finite or null."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from config.api_fields import ApiSerializer


def _number(text: str = "") -> serializers.FloatField:
    return serializers.FloatField(allow_null=True, help_text=text)


class SignalsSerializer(ApiSerializer):
    """The tile of one symbol, from its newest trades."""

    symbol = serializers.CharField()
    exchange = serializers.CharField()
    mom1_bps = _number("Last price against the one a minute before.")
    mom5_bps = _number("Against the one five minutes before.")
    rvol_vs_recent = _number("The last minute's volume against the mean of 20.")
    px_vs_vwap_bps = _number("Last price against the VWAP of all trades kept.")
    best_bid = _number()
    best_ask = _number()
    last_price = _number()
    trades_cached = serializers.IntegerField()
    age_s = _number("Seconds since the newest trade or quote.")


class FrameSignalsSerializer(ApiSerializer):
    """Features of bars of 1, 5 and 15 minutes."""

    symbol = serializers.CharField()
    exchange = serializers.CharField()
    mom_bps_1m = _number()
    mom_bps_5m = _number()
    mom_bps_15m = _number()
    px_vs_vwap_bps_1m = _number()
    px_vs_vwap_bps_5m = _number()
    px_vs_vwap_bps_15m = _number()
    rvol_1m = _number()
    rvol_5m = _number()
    rvol_15m = _number()
    atr_1m = _number("Wilder's average true range of 14, in the quote asset.")
    atr_5m = _number()
    atr_15m = _number()
    age_s = _number("Seconds since the newest trade or quote.")


class LastTradeSerializer(ApiSerializer):
    """One trade of the market."""

    price = _number()
    qty = _number("In the base asset.")
    buy = serializers.BooleanField(allow_null=True, help_text="Whether the taker bought.")
    timestamp = serializers.DateTimeField(allow_null=True)


class BarSerializer(ApiSerializer):
    """A bar that was built from trades; `open_ms` in UTC ms."""

    open_ms = serializers.IntegerField()
    open = serializers.FloatField()
    high = serializers.FloatField()
    low = serializers.FloatField()
    close = serializers.FloatField()
    volume = serializers.FloatField()


class DebugStateSerializer(ApiSerializer):
    """What the feed keeps of one symbol."""

    symbol = serializers.CharField()
    exchange = serializers.CharField()
    trades_cached = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    refused = serializers.IntegerField()
    last_trade = LastTradeSerializer(many=True)
    last_trade_age_s = _number()
    spread_bps = _number()
    bid_depth = _number("Quote asset, within 25 bps of the middle.")
    ask_depth = _number()
    bars_1m_count = serializers.IntegerField()
    bars_1m_tail = BarSerializer(many=True)


class BarCountsSerializer(ApiSerializer):
    """Closed bars kept of each length; names are bar lengths."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {name: serializers.IntegerField() for name in ("1m", "5m", "15m")}


class DebugFeaturesSerializer(FrameSignalsSerializer):
    """All features that agents see, with the number of bars behind them."""

    bars = BarCountsSerializer()
    mom1_bps = _number()
    mom5_bps = _number()
    px_vs_vwap_bps = _number()
    spread_bps = _number()
    timestamp = serializers.DateTimeField(allow_null=True, help_text="When they were computed.")
