"""Accounts at exchanges, and who let which bot trade with them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q

from config.fields import ExactDecimalField
from trading.models.bots import Bot

CLOCK_OFF_MS = 1_000  # above, nothing is bought: what times mean is not sure any more
CLOCK_WITHIN = timedelta(minutes=5)  # a clock that was read longer ago is not known


class ExchangeAccount(models.Model):
    """A spot account that live bots trade with; its key is sealed (`trading.sealing`)."""

    class Exchange(models.TextChoices):
        BINANCE = "binance"
        BYBIT = "bybit"

    name = models.CharField(max_length=40)
    exchange = models.CharField(max_length=10, choices=Exchange)
    enabled = models.BooleanField(default=True)
    key_hint = models.CharField(max_length=8)  # the key's last characters, to tell keys apart
    sealed_key = models.TextField()
    sealed_secret = models.TextField()
    # What live bots may buy with it, whatever a grant says; nothing until somebody sets it.
    symbols = models.JSONField(default=list)  # names: "BTC/USDT"
    max_order = ExactDecimalField(default=0)  # of one order, in the quote asset
    max_exposure = ExactDecimalField(default=0)  # of all bots' positions and working buys
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
    removed_at = models.DateTimeField(null=True)  # its key is gone; orders keep their account

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(removed_at=None), name="account_name_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.exchange} ...{self.key_hint})"

    def clock_is_right(self, now: datetime) -> bool:
        """Whether its exchange's clock was read lately and agrees with ours."""
        known = self.clock_at is not None and abs(now - self.clock_at) <= CLOCK_WITHIN
        return known and abs(self.offset_ms) <= CLOCK_OFF_MS

    @property
    def key_problem(self) -> str:
        """Why its key may not trade, for people; "" if it may."""
        if self.may_trade is None or self.may_withdraw is None:
            return "The key was never checked."
        if self.may_withdraw:
            return (
                "The key may withdraw, so it is refused: whoever got hold of it could empty the"
                " account. Make a key without that right."
            )
        return "" if self.may_trade else "The key may not trade: give it the right for spot."


class LiveGrant(models.Model):
    """An expiring permission: this bot may trade with this account up to these amounts."""

    bot = models.ForeignKey(Bot, models.PROTECT, related_name="grants")
    account = models.ForeignKey(ExchangeAccount, models.PROTECT, related_name="grants")
    max_order = ExactDecimalField()  # of one order, in the quote asset
    max_exposure = ExactDecimalField()  # of all positions and working buys of the bot
    hours = models.PositiveSmallIntegerField(default=24)  # it lasts, from its approval on
    # While it is asked for: until when it may be approved. Then: until when it stands.
    expires_at = models.DateTimeField(db_index=True)
    subject_digest = models.CharField(max_length=64, blank=True)  # of what was asked for
    # Every gate as it was, [{"name", "ok", "reasons"}].
    asked_gates = models.JSONField(default=list)
    approved_gates = models.JSONField(default=list)
    reason = models.CharField(max_length=300)
    asked_by = models.ForeignKey("auth.User", models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    approved_by = models.ForeignKey("auth.User", models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey("auth.User", models.PROTECT, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)
    revoke_reason = models.CharField(max_length=200, blank=True)
    ended_at = models.DateTimeField(null=True)  # its expiry was told to people

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

    def state_at(self, now: datetime) -> str:
        """REVOKED, EXPIRED, LAPSED (never approved in time), ASKED or STANDING."""
        if self.revoked_at is not None:
            return "REVOKED"
        if self.expires_at <= now:
            return "LAPSED" if self.approved_at is None else "EXPIRED"
        return "ASKED" if self.approved_at is None else "STANDING"


class Confirmation(models.Model):
    """When a person last proved with the password, in this session or with this token."""

    user = models.ForeignKey("auth.User", models.CASCADE, related_name="+")
    via = models.CharField(max_length=80)  # "token:7", or a hash of the session's key
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "via"], name="confirmation_once_per_via"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} by {self.via.partition(':')[0]}"
