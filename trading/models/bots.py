"""Bots, what they decided, and the jobs that carry them."""

from __future__ import annotations

from django.db import models

from config.fields import ExactDecimalField
from marketdata.models import TIMEFRAMES, Symbol
from strategies.models import StrategyVersion


class BotQuerySet(models.QuerySet["Bot"]):
    def running(self) -> BotQuerySet:
        return self.filter(status=Bot.Status.RUNNING)


class Bot(models.Model):
    """A strategy version at work on one or more symbols that share one cash."""

    class Status(models.TextChoices):
        STOPPED = "STOPPED"
        RUNNING = "RUNNING"
        FINISHED = "FINISHED"  # a replay that reached its end

    class Source(models.TextChoices):
        LIVE_FEED = "LIVE_FEED"
        REPLAY = "REPLAY"  # stored candles between replay_from_ms and replay_to_ms

    name = models.CharField(max_length=80, db_index=True)
    symbols = models.ManyToManyField(Symbol, related_name="bots", through="BotSymbol")
    timeframe = models.CharField(max_length=3, choices=TIMEFRAMES)
    paper_mode = models.BooleanField(default=True)
    account = models.ForeignKey(  # whose money a live bot trades with
        "trading.ExchangeAccount", models.PROTECT, null=True, related_name="bots"
    )
    version = models.ForeignKey(StrategyVersion, models.PROTECT, related_name="bots")
    # On paper it takes its strategy's newly active version at its next candle; live never.
    follows_active = models.BooleanField(default=False)
    knobs = models.JSONField(default=dict)  # trading.knobs.Knobs
    status = models.CharField(max_length=8, choices=Status, default=Status.STOPPED, db_index=True)
    stop_requested = models.BooleanField(default=False, db_index=True)
    starting_cash = ExactDecimalField()
    cash = ExactDecimalField()  # starting cash plus all fills since, in one transaction with them
    peak_equity = ExactDecimalField()
    funded_at = models.DateTimeField(null=True)  # with real money: curve and record begin there
    source = models.CharField(max_length=9, choices=Source, default=Source.LIVE_FEED)
    replay_from_ms = models.BigIntegerField(null=True)
    replay_to_ms = models.BigIntegerField(null=True)
    replay_speed = models.FloatField(default=0)  # 0: as fast as it goes; 60: an hour a minute
    replay_started_at = models.DateTimeField(null=True)
    # Of two workers one holds the lease; a late one finds a higher fence and changes nothing.
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveBigIntegerField(default=0)
    due_at = models.DateTimeField(null=True, db_index=True)  # when a tick should hint a worker
    next_snapshot_ms = models.BigIntegerField(default=0)  # market time
    day_ms = models.BigIntegerField(default=0)  # UTC day of `day_start_equity`
    day_start_equity = ExactDecimalField(default=0)
    last_error = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey("auth.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_index=True)
    updated_at = models.DateTimeField()

    objects = BotQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(paper_mode=True) | models.Q(account__isnull=False),
                name="live_bot_has_account",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_running(self) -> bool:
        return self.status == Bot.Status.RUNNING

    @property
    def is_replay(self) -> bool:
        return self.source == Bot.Source.REPLAY


class BotSymbol(models.Model):
    """The symbols of a bot, in the order in which they get at the cash."""

    bot = models.ForeignKey(Bot, models.CASCADE)
    symbol = models.ForeignKey(Symbol, models.PROTECT)
    rank = models.PositiveSmallIntegerField()
    decided_ms = models.BigIntegerField(default=0)  # close time up to which all is decided

    class Meta:
        ordering = ["bot", "rank"]
        constraints = [
            models.UniqueConstraint(fields=["bot", "symbol"], name="symbol_once_per_bot"),
        ]

    def __str__(self) -> str:
        return f"{self.bot_id}:{self.symbol_id}"


class DecisionRecord(models.Model):
    """Why a bot traded or not: one row per bot, symbol and closed candle."""

    class Action(models.TextChoices):
        ENTER = "ENTER"
        EXIT = "EXIT"
        HOLD = "HOLD"
        DENIED = "DENIED"

    bot = models.ForeignKey(Bot, models.CASCADE, related_name="decisions")
    symbol = models.ForeignKey(Symbol, models.PROTECT, related_name="+")
    timeframe = models.CharField(max_length=3, choices=TIMEFRAMES)
    candle_close_ms = models.BigIntegerField()
    version = models.ForeignKey(  # that decided; unknown of records older than this column
        StrategyVersion, models.PROTECT, null=True, related_name="+", db_index=False
    )
    action = models.CharField(max_length=6, choices=Action)
    reason = models.CharField(max_length=40)  # trading.reasons.Reason: stable
    detail = models.CharField(max_length=200, blank=True)
    target = models.FloatField(null=True)  # exposure wanted, 0..1
    price = models.FloatField()  # the candle's close
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bot", "symbol", "timeframe", "candle_close_ms"],
                name="one_decision_per_candle",
            ),
        ]
        indexes = [models.Index(fields=["bot", "-candle_close_ms"], name="decision_newest")]

    def __str__(self) -> str:
        return f"{self.bot_id} {self.candle_close_ms} {self.reason}"


class Job(models.Model):
    """Long work that a person can watch and cancel."""

    class Status(models.TextChoices):
        QUEUED = "QUEUED"
        RUNNING = "RUNNING"
        DONE = "DONE"
        FAILED = "FAILED"
        CANCELED = "CANCELED"

    bot = models.ForeignKey(Bot, models.CASCADE, null=True, related_name="jobs")
    task = models.CharField(max_length=40, db_index=True)  # "bot.run", "market.backfill"
    args = models.JSONField(default=dict)
    status = models.CharField(max_length=8, choices=Status, default=Status.QUEUED, db_index=True)
    progress = models.PositiveSmallIntegerField(default=0)  # 0-100
    message = models.CharField(max_length=200, blank=True)
    celery_task_id = models.CharField(max_length=60, blank=True, db_index=True)
    created_by = models.ForeignKey("auth.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_index=True)
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["bot", "status"], name="job_bot_status")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(progress__lte=100), name="job_progress_at_most_100"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.status}"
