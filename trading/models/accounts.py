"""Accounts at exchanges, and who let which bot trade with them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from config.fields import ExactDecimalField
from trading.models.bots import Bot


class ExchangeAccount(models.Model):
    """A spot account that live bots trade with; its key is sealed (`trading.sealing`)."""

    class Exchange(models.TextChoices):
        BINANCE = "binance"
        BYBIT = "bybit"

    name = models.CharField(max_length=40, unique=True)
    exchange = models.CharField(max_length=10, choices=Exchange)
    enabled = models.BooleanField(default=True)
    key_hint = models.CharField(max_length=8)  # the key's last characters, to tell keys apart
    sealed_key = models.TextField()
    sealed_secret = models.TextField()
    # What the key may do, as its exchange told at `checked_at`; null was never told.
    may_trade = models.BooleanField(null=True)
    may_withdraw = models.BooleanField(null=True)
    ip_bound = models.BooleanField(null=True)
    checked_at = models.DateTimeField(null=True)
    offset_ms = models.BigIntegerField(default=0)  # the exchange's clock minus ours
    clock_at = models.DateTimeField(null=True)
    polled_at = models.DateTimeField(null=True)  # working orders were last asked for
    created_by = models.ForeignKey("auth.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name} ({self.exchange} ...{self.key_hint})"


class LiveGrant(models.Model):
    """An expiring permission: this bot may trade with this account up to these amounts."""

    bot = models.ForeignKey(Bot, models.PROTECT, related_name="grants")
    account = models.ForeignKey(ExchangeAccount, models.PROTECT, related_name="grants")
    max_order = ExactDecimalField()  # of one order, in the quote asset
    max_exposure = ExactDecimalField()  # of all positions and working buys of the bot
    expires_at = models.DateTimeField(db_index=True)
    reason = models.CharField(max_length=300)
    asked_by = models.ForeignKey("auth.User", models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    approved_by = models.ForeignKey("auth.User", models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey("auth.User", models.PROTECT, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=F("asked_by")),
                name="live_grant_by_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bot_id} on {self.account_id} until {self.expires_at:%Y-%m-%d %H:%M}"
