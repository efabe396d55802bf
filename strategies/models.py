"""Nouns of strategies."""

from __future__ import annotations

from django.db import models

from marketdata.models import TIMEFRAMES, Symbol


class Strategy(models.Model):
    """One built-in strategy as people see it; the code is in `strategies.library`."""

    name = models.CharField(max_length=40, unique=True)
    title = models.CharField(max_length=80)
    description = models.TextField(blank=True)
    last_number = models.PositiveIntegerField(default=0)  # of its versions, deleted drafts included
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "strategies"
        permissions = [("operate_strategies", "Create versions and run simulations")]

    def __str__(self) -> str:
        return self.name


class StrategyVersion(models.Model):
    """Parameters of a strategy: a draft's may change, all others stay as they are."""

    class State(models.TextChoices):
        DRAFT = "DRAFT"
        CANDIDATE = "CANDIDATE"
        SIMULATED = "SIMULATED"
        APPROVED = "APPROVED"
        ACTIVE = "ACTIVE"
        RETIRED = "RETIRED"

    strategy = models.ForeignKey(Strategy, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    params = models.JSONField()
    params_hash = models.CharField(max_length=64)
    code_hash = models.CharField(max_length=64)  # sha256 of the strategy's source file
    state = models.CharField(max_length=10, choices=State, default=State.CANDIDATE)
    note = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey("auth.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["strategy", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["strategy", "number"], name="version_number_once"),
            models.UniqueConstraint(
                fields=["strategy", "params_hash", "code_hash"], name="version_content_once"
            ),
            models.UniqueConstraint(
                fields=["strategy"],
                condition=models.Q(state="ACTIVE"),
                name="one_active_version_per_strategy",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.strategy_id} v{self.number}"

    @property
    def label(self) -> str:
        """As people call it; reads the strategy."""
        return f"{self.strategy.name} v{self.number}"


class Activation(models.Model):
    """One change of what is active; the newest one says what a rollback brings back."""

    strategy = models.ForeignKey(Strategy, models.PROTECT, related_name="activations")
    version = models.ForeignKey(StrategyVersion, models.PROTECT, related_name="activations")
    replaced = models.ForeignKey(StrategyVersion, models.PROTECT, null=True, related_name="+")
    rollback = models.BooleanField(default=False)
    by = models.ForeignKey("auth.User", models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.version_id} instead of {self.replaced_id}"


class Agent(models.Model):
    """How one agent is set and how it fares; the code is in `strategies.agents`.

    `interval_s` and `params` hold only what a person changed; the rest comes from settings.
    """

    class Status(models.TextChoices):
        WAITING = "WAITING"  # has not run yet
        OK = "OK"
        RESTING = "RESTING"  # ran, and had nothing to look at; `note` says why
        FAILED = "FAILED"

    name = models.CharField(max_length=30, unique=True)
    enabled = models.BooleanField(default=True)
    interval_s = models.FloatField(null=True)
    params = models.JSONField(default=dict)
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    note = models.CharField(max_length=200, blank=True)
    heartbeat_at = models.DateTimeField(null=True)
    last_run_at = models.DateTimeField(null=True)
    last_ok_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, db_index=True)
    lease_until = models.DateTimeField(null=True)
    runs = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)  # in a row
    last_error = models.CharField(max_length=300, blank=True)
    last_error_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Finding(models.Model):
    """What an agent noticed of a symbol. Informs; trades nothing.

    The same noticed again within the agent's window is the same row, counted in `repeats`.
    """

    key = models.UUIDField(unique=True)  # so that one that waited on the bus is stored once
    at = models.DateTimeField()
    last_at = models.DateTimeField()
    agent = models.CharField(max_length=30)
    symbol = models.ForeignKey(Symbol, models.CASCADE, related_name="findings")
    score = models.FloatField()
    label = models.CharField(max_length=40)
    details = models.JSONField(default=dict)
    repeats = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["symbol", "agent", "label", "-at"], name="finding_again"),
            models.Index(fields=["agent", "-at"], name="finding_by_agent"),
            models.Index(fields=["-at"], name="finding_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.agent} {self.label} {self.score:g}"


class Posture(models.Model):
    """The standing view on a symbol. It changes only when a leaning has lasted (`count`)."""

    class View(models.TextChoices):
        UNKNOWN = "UNKNOWN"
        LONG = "LONG"
        FLAT = "FLAT"

    symbol = models.OneToOneField(Symbol, models.CASCADE, primary_key=True, related_name="posture")
    view = models.CharField(max_length=7, choices=View, default=View.UNKNOWN)
    p_up = models.FloatField(null=True)
    leaning = models.CharField(max_length=7, choices=View, default=View.UNKNOWN)
    count = models.PositiveIntegerField(default=0)  # looks in a row that lean that way
    since = models.DateTimeField(null=True)  # since when the view stands
    details = models.JSONField(default=dict)
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.symbol_id} {self.view}"


class Signal(models.Model):
    """What a strategy or a rule said at a candle's close. Never an order."""

    class Kind(models.TextChoices):
        ENTER = "ENTER"
        EXIT = "EXIT"
        CROSS_UP = "CROSS_UP"
        CROSS_DOWN = "CROSS_DOWN"
        RSI_OVERSOLD = "RSI_OVERSOLD"
        RSI_OVERBOUGHT = "RSI_OVERBOUGHT"

    symbol = models.ForeignKey(Symbol, models.CASCADE, related_name="signals", db_index=False)
    timeframe = models.CharField(max_length=3, choices=TIMEFRAMES)
    candle_close_ms = models.BigIntegerField()
    strategy = models.CharField(max_length=40)
    kind = models.CharField(max_length=14, choices=Kind)
    price = models.FloatField()
    details = models.JSONField(default=dict)
    filtered = models.CharField(max_length=20, blank=True)  # the filter that it didn't pass
    executed = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["symbol", "timeframe", "candle_close_ms", "strategy"],
                name="signal_once_per_candle",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.strategy} {self.kind} {self.symbol_id} {self.timeframe}"


class SignalCursor(models.Model):
    """Up to which candle's close the signals of one symbol and timeframe were looked for."""

    symbol = models.ForeignKey(Symbol, models.CASCADE, related_name="+")
    timeframe = models.CharField(max_length=3, choices=TIMEFRAMES)
    close_ms = models.BigIntegerField(default=0)
    asked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["symbol", "timeframe"], name="signal_cursor_once"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol_id} {self.timeframe} {self.close_ms}"
