"""From the decision to trade to what was executed."""

from __future__ import annotations

from django.db import models

from config.fields import ExactDecimalField
from marketdata.models import Symbol
from trading.models.bots import Bot, DecisionRecord
from trading.order_state import OrderStatus

STATUSES = [(status.value, status.value) for status in OrderStatus]


class Side(models.TextChoices):
    BUY = "BUY"
    SELL = "SELL"


class OrderType(models.TextChoices):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP_MARKET = "STOP_MARKET"  # a protective exit, filled where the bar crossed `price`
    STOP_LIMIT = "STOP_LIMIT"  # at an exchange: a sale at `limit_price` once `price` is reached


STOPS = frozenset({OrderType.STOP_MARKET, OrderType.STOP_LIMIT})


class OrderIntent(models.Model):
    """What was decided, before any broker has heard of it; allowed, or denied with a code.

    One decision is one row: `idempotency_key` is a pure function of what caused it.
    """

    bot = models.ForeignKey(Bot, models.PROTECT, related_name="intents")
    decision = models.ForeignKey(DecisionRecord, models.PROTECT, null=True, related_name="intents")
    idempotency_key = models.CharField(max_length=120, unique=True)
    symbol = models.ForeignKey(Symbol, models.PROTECT, related_name="+")
    side = models.CharField(max_length=4, choices=Side)
    type = models.CharField(max_length=11, choices=OrderType, default=OrderType.MARKET)
    qty = ExactDecimalField()
    price = ExactDecimalField(null=True)  # limit price, or the trigger of a protective exit
    limit_price = ExactDecimalField(null=True)  # of STOP_LIMIT
    reason = models.CharField(max_length=40)
    denial = models.CharField(max_length=40, blank=True)  # trading.risk.Denial, "" if allowed
    epoch = models.PositiveIntegerField()
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.side} {self.qty} {self.symbol_id}"


class Order(models.Model):
    """An intent as the broker knows it. `filled_qty` is always the sum of its fills."""

    intent = models.OneToOneField(OrderIntent, models.PROTECT, related_name="order")
    bot = models.ForeignKey(Bot, models.PROTECT, related_name="orders")
    symbol = models.ForeignKey(Symbol, models.PROTECT, related_name="orders")
    account = models.ForeignKey(  # where it goes; null is the paper market
        "trading.ExchangeAccount", models.PROTECT, null=True, related_name="orders"
    )
    client_order_id = models.CharField(max_length=36, unique=True)
    exchange_order_id = models.CharField(max_length=64, blank=True, db_index=True)
    side = models.CharField(max_length=4, choices=Side)
    type = models.CharField(max_length=11, choices=OrderType)
    qty = ExactDecimalField()
    price = ExactDecimalField(null=True)
    limit_price = ExactDecimalField(null=True)
    status = models.CharField(max_length=12, choices=STATUSES, default=OrderStatus.NEW)
    filled_qty = ExactDecimalField(default=0)
    avg_price = ExactDecimalField(null=True)
    reject_code = models.CharField(max_length=40, blank=True)
    rested = models.BooleanField(default=False)  # the paper market saw it on the book before
    pending_cancel_at = models.DateTimeField(null=True)
    fence = models.PositiveBigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)  # of the claim: the request carries this time
    absent_at = models.DateTimeField(null=True)  # the exchange first said, late enough, it has none
    asked_cancel_at = models.DateTimeField(null=True)  # the newest request to cancel
    created_at = models.DateTimeField(db_index=True)
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["symbol", "status"], name="order_symbol_status"),
            models.Index(fields=["bot", "status"], name="order_bot_status"),
        ]

    def __str__(self) -> str:
        return f"{self.client_order_id} {self.status}"

    @property
    def is_guard(self) -> bool:
        """Whether it is a protective order that waits at an exchange."""
        return self.type in STOPS and self.account_id is not None


class OrderTransition(models.Model):
    """One step of an order's life."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="transitions")
    from_status = models.CharField(max_length=12, choices=STATUSES)
    to_status = models.CharField(max_length=12, choices=STATUSES)
    cause = models.CharField(max_length=60)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.from_status} -> {self.to_status}"


class Fill(models.Model):
    """A quantity executed at a price, with its fee. Counted once per exchange fill id."""

    class Liquidity(models.TextChoices):
        MAKER = "MAKER"
        TAKER = "TAKER"

    order = models.ForeignKey(Order, models.PROTECT, related_name="fills")
    bot = models.ForeignKey(Bot, models.PROTECT, related_name="fills")
    symbol = models.ForeignKey(Symbol, models.PROTECT, related_name="fills")
    trade = models.ForeignKey("trading.Trade", models.PROTECT, related_name="fills")
    exchange_fill_id = models.CharField(max_length=80)
    side = models.CharField(max_length=4, choices=Side)
    qty = ExactDecimalField()
    price = ExactDecimalField()
    fee = ExactDecimalField()
    fee_asset = models.CharField(max_length=20)
    liquidity = models.CharField(max_length=5, choices=Liquidity)
    at = models.DateTimeField(db_index=True)  # market time: the candle's in a replay

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                # Both sides of a trade with oneself have one id.
                fields=["order", "exchange_fill_id"],
                name="fill_once_per_exchange_id",
            ),
        ]
        indexes = [models.Index(fields=["bot", "-at"], name="fill_bot_newest")]

    def __str__(self) -> str:
        return f"{self.side} {self.qty} @ {self.price}"
