"""Intents, orders, fills, trades and positions."""

from __future__ import annotations

from rest_framework import serializers

from config.api_fields import ApiModelSerializer, ApiSerializer, PlainDecimal, StrictSerializer
from trading.models import Fill, Order, OrderIntent, OrderTransition, Trade
from trading.models.orders import OrderType, Side


class IntentCreateSerializer(StrictSerializer):
    """What is wanted; `price` for a LIMIT order only."""

    bot_id = serializers.IntegerField(min_value=1)
    symbol = serializers.CharField(max_length=60)
    side = serializers.ChoiceField(choices=Side.values)
    qty = PlainDecimal()
    type = serializers.ChoiceField(choices=["MARKET", "LIMIT"], default=OrderType.MARKET)
    price = PlainDecimal(required=False, allow_null=True)

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        if (attrs["type"] == OrderType.LIMIT) != (attrs.get("price") is not None):
            raise serializers.ValidationError(
                {"price": ["A LIMIT order needs a price, a MARKET order has none."]}
            )
        for name in ("qty", "price"):
            value = attrs.get(name)
            if value is not None and not value > 0:  # type: ignore[operator]
                raise serializers.ValidationError({name: ["Must be more than 0."]})
        return attrs


class IntentSerializer(ApiModelSerializer[OrderIntent]):
    """A decision to trade; `denial` is "" when it is allowed."""

    bot_id = serializers.IntegerField()
    symbol = serializers.CharField(source="symbol.name")

    class Meta:
        model = OrderIntent
        fields = (
            "id",
            "bot_id",
            "symbol",
            "side",
            "type",
            "qty",
            "price",
            "reason",
            "denial",
            "epoch",
            "idempotency_key",
            "decided_at",
        )


class PlaceSerializer(StrictSerializer):
    """The allowed intent to send."""

    intent_id = serializers.IntegerField(min_value=1)


class TransitionSerializer(ApiModelSerializer[OrderTransition]):
    """One step of an order."""

    class Meta:
        model = OrderTransition
        fields = ("from_status", "to_status", "cause", "at")


class OrderSerializer(ApiModelSerializer[Order]):
    """An order with its whole life."""

    bot_id = serializers.IntegerField()
    intent_id = serializers.IntegerField()
    symbol = serializers.CharField(source="symbol.name")
    exchange = serializers.CharField(source="symbol.exchange")
    reason = serializers.CharField(source="intent.reason")
    transitions = TransitionSerializer(many=True)

    class Meta:
        model = Order
        fields = (
            "id",
            "bot_id",
            "intent_id",
            "symbol",
            "exchange",
            "client_order_id",
            "exchange_order_id",
            "side",
            "type",
            "qty",
            "price",
            "status",
            "filled_qty",
            "avg_price",
            "reject_code",
            "reason",
            "pending_cancel_at",
            "sent_at",
            "created_at",
            "updated_at",
            "transitions",
        )


class FillSerializer(ApiModelSerializer[Fill]):
    """A quantity executed at a price."""

    order_id = serializers.IntegerField()
    trade_id = serializers.IntegerField()
    bot_id = serializers.IntegerField()
    symbol = serializers.CharField(source="symbol.name")
    exchange = serializers.CharField(source="symbol.exchange")

    class Meta:
        model = Fill
        fields = (
            "id",
            "order_id",
            "trade_id",
            "bot_id",
            "symbol",
            "exchange",
            "exchange_fill_id",
            "side",
            "qty",
            "price",
            "fee",
            "fee_asset",
            "liquidity",
            "at",
        )


class TradeSerializer(ApiModelSerializer[Trade]):
    """A round trip; `pnl` after fees, null while open."""

    bot_id = serializers.IntegerField()
    symbol = serializers.CharField(source="symbol.name")
    exchange = serializers.CharField(source="symbol.exchange")

    class Meta:
        model = Trade
        fields = (
            "id",
            "bot_id",
            "symbol",
            "exchange",
            "status",
            "qty",
            "entry_price",
            "exit_price",
            "sold_qty",
            "fees",
            "pnl",
            "entry_reason",
            "exit_reason",
            "opened_at",
            "closed_at",
        )


class PositionSerializer(ApiSerializer):
    """What a bot holds of a symbol, valued at the last price; null where no price is known."""

    bot_id = serializers.IntegerField()
    bot_name = serializers.CharField()
    symbol = serializers.CharField(source="symbol.name")
    exchange = serializers.CharField(source="symbol.exchange")
    qty = PlainDecimal()
    avg_cost = PlainDecimal()
    last_price = PlainDecimal(allow_null=True)
    market_value = PlainDecimal(allow_null=True)
    unrealized_pnl = PlainDecimal(allow_null=True)
    realized_pnl = PlainDecimal()
    fees = PlainDecimal()
    price_age_s = serializers.FloatField(allow_null=True)
    opened_at = serializers.DateTimeField(allow_null=True)
