"""What our books and an exchange say about one account, and where they differ."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models

from config.fields import ExactDecimalField
from marketdata.models import Symbol
from trading.models.accounts import ExchangeAccount


class Reconciliation(models.Model):
    """The standing of one account: whose turn it is, and what the last cycle saw."""

    account = models.OneToOneField(
        ExchangeAccount, models.CASCADE, primary_key=True, related_name="reconciliation"
    )
    due_at = models.DateTimeField(null=True, db_index=True)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveBigIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)  # the newest cycle in which the exchange told all
    unreachable_since = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)  # opening balances were taken
    external_orders = models.JSONField(default=list)  # working there, not placed by us

    def __str__(self) -> str:
        return f"reconciliation of {self.account_id}"


class ReconcileRun(models.Model):
    """One cycle. ABORTED is no information: neither clean nor different."""

    class Outcome(models.TextChoices):
        CLEAN = "CLEAN"
        DIFFERENT = "DIFFERENT"
        ABORTED = "ABORTED"

    account = models.ForeignKey(ExchangeAccount, models.CASCADE, related_name="reconcile_runs")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    outcome = models.CharField(max_length=9, choices=Outcome)
    error = models.CharField(max_length=200, blank=True)
    orders_seen = models.PositiveIntegerField(default=0)
    external_orders = models.PositiveIntegerField(default=0)
    fills_booked = models.PositiveIntegerField(default=0)
    assets_compared = models.PositiveIntegerField(default=0)
    differences = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["account", "-started_at"], name="reconcile_run_newest")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.started_at:%Y-%m-%d %H:%M:%S} {self.outcome}"


class Incident(models.Model):
    """One difference between our books and the exchange's, from first sight until it is gone.

    Seen twice in a row it is a drift: it blocks what it is about until it is acknowledged or gone.
    """

    class Kind(models.TextChoices):
        ORPHAN = "ORPHAN", "Order of ours that we don't know"
        ORDER_STATE = "ORDER_STATE", "Ended here, works there"
        ORDER_MISSING = "ORDER_MISSING", "Works here, unknown there"
        FILLS = "FILLS", "Filled quantities differ"
        BALANCE = "BALANCE", "Balance differs"

    class State(models.TextChoices):
        OPEN = "OPEN"
        ACKNOWLEDGED = "ACKNOWLEDGED"
        RESOLVED = "RESOLVED"

    account = models.ForeignKey(ExchangeAccount, models.PROTECT, related_name="incidents")
    kind = models.CharField(max_length=13, choices=Kind)
    key = models.CharField(max_length=64)  # the asset, or the order's client id
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    drift = models.BooleanField(default=False)
    sightings = models.PositiveIntegerField(default=1)  # in a row
    symbol = models.ForeignKey(Symbol, models.PROTECT, null=True, related_name="+")
    asset = models.CharField(max_length=20, blank=True)
    order = models.ForeignKey("trading.Order", models.PROTECT, null=True, related_name="incidents")
    ours = models.CharField(max_length=64)
    theirs = models.CharField(max_length=64)
    evidence = models.JSONField(default=dict)
    owner = models.ForeignKey("auth.User", models.SET_NULL, null=True, related_name="incidents")
    reason = models.CharField(max_length=200, blank=True)  # of whoever acknowledged it
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind", "key"],
                condition=~models.Q(state="RESOLVED"),
                name="one_incident_per_difference",
            ),
        ]
        indexes = [models.Index(fields=["account", "state"], name="incident_account_state")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"

    @property
    def blocks(self) -> bool:
        """Whether nothing may be bought meanwhile."""
        return self.drift and self.state == Incident.State.OPEN

    def age_at(self, now: datetime) -> timedelta:
        """From first sight until it was gone, or until now."""
        return (self.resolved_at or now) - self.first_seen_at

    @property
    def lasted_s(self) -> float | None:
        """None while it isn't gone."""
        return self.age_at(self.resolved_at).total_seconds() if self.resolved_at else None

    @property
    def subject(self) -> str:
        """What it is about, in a word."""
        return self.asset or (self.symbol.name if self.symbol else self.key)


class OpeningBalance(models.Model):
    """What an account held of an asset before anything of ours: the ledger counts from here."""

    account = models.ForeignKey(ExchangeAccount, models.CASCADE, related_name="openings")
    asset = models.CharField(max_length=20)
    qty = ExactDecimalField()
    taken_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "asset"], name="opening_once_per_asset"),
        ]

    def __str__(self) -> str:
        return f"{self.asset} {self.qty}"


class BalanceAdjustment(models.Model):
    """Money that came or went outside of our orders, as a person said with a reason."""

    account = models.ForeignKey(ExchangeAccount, models.PROTECT, related_name="adjustments")
    incident = models.ForeignKey(Incident, models.PROTECT, related_name="adjustments")
    asset = models.CharField(max_length=20)
    change = ExactDecimalField()
    reason = models.CharField(max_length=200)
    by = models.ForeignKey("auth.User", models.PROTECT, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.asset} {self.change:+f}"


class FillCursor(models.Model):
    """Up to when, by the exchange's clock, an account's fills of a symbol were read."""

    account = models.ForeignKey(ExchangeAccount, models.CASCADE, related_name="fill_cursors")
    symbol = models.ForeignKey(Symbol, models.CASCADE, related_name="+")
    upto_ms = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "symbol"], name="fill_cursor_once"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}:{self.symbol_id}"
