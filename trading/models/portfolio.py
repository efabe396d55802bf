"""What the fills add up to."""

from __future__ import annotations

from django.db import models

from config.fields import ExactDecimalField
from marketdata.models import Symbol
from trading.models.bots import Bot


class Position(models.Model):
    """The fold over a bot's fills of one symbol (`trading.positions.apply_fill`)."""

    bot = models.ForeignKey(Bot, models.PROTECT, related_name="positions")
    symbol = models.ForeignKey(Symbol, models.PROTECT, related_name="+")
    qty = ExactDecimalField(default=0)
    avg_cost = ExactDecimalField(default=0)  # quote per base, fees included
    realized_pnl = ExactDecimalField(default=0)
    fees = ExactDecimalField(default=0)
    entry_price = ExactDecimalField(default=0)  # average price without fees, for exits
    high_since_entry = ExactDecimalField(default=0)  # for the trailing exit
    opened_at = models.DateTimeField(null=True)
    closed_ms = models.BigIntegerField(default=0)  # market time it last became flat: cooldown
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bot", "symbol"], name="one_position_per_bot_symbol"),
        ]

    def __str__(self) -> str:
        return f"{self.bot_id}:{self.symbol_id} {self.qty}"


class Trade(models.Model):
    """One round trip of a bot, entry to flat; derived from fills."""

    class Status(models.TextChoices):
        OPEN = "OPEN"
        CLOSED = "CLOSED"

    bot = models.ForeignKey(Bot, models.PROTECT, related_name="trades")
    symbol = models.ForeignKey(Symbol, models.PROTECT, related_name="+")
    status = models.CharField(max_length=6, choices=Status, default=Status.OPEN, db_index=True)
    qty = ExactDecimalField(default=0)  # bought in all
    entry_price = ExactDecimalField(default=0)  # average, without fees
    exit_price = ExactDecimalField(null=True)
    sold_qty = ExactDecimalField(default=0)
    fees = ExactDecimalField(default=0)
    pnl = ExactDecimalField(null=True)  # after fees; null while open
    entry_reason = models.CharField(max_length=40)
    exit_reason = models.CharField(max_length=40, blank=True)
    opened_at = models.DateTimeField(db_index=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["bot", "status"], name="trade_bot_status"),
            models.Index(fields=["bot", "opened_at"], name="trade_bot_opened"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["bot", "symbol"],
                condition=models.Q(status="OPEN"),
                name="one_open_trade_per_bot_symbol",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bot_id}:{self.symbol_id} {self.status}"


class PortfolioSnapshot(models.Model):
    """Equity of one bot at one moment, marked to market."""

    bot = models.ForeignKey(Bot, models.CASCADE, related_name="snapshots")
    equity = ExactDecimalField()
    cash = ExactDecimalField()
    positions_value = ExactDecimalField()
    drawdown = models.FloatField()  # fraction below the peak, 0..1
    prices = models.JSONField(default=dict)
    at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.UniqueConstraint(fields=["bot", "at"], name="one_snapshot_per_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.bot_id} {self.equity}"
