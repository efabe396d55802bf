"""Simulations, searches for better parameters, and how many attempts a strategy had."""

from __future__ import annotations

from django.db import models

from config.fields import ExactDecimalField
from marketdata.models import TIMEFRAMES
from strategies.models import Strategy, StrategyVersion
from trading.models.bots import Bot, Job


class Stretch(models.Model):
    """What is simulated on: candles, costs, limits and cash. Ranges are half-open UTC ms."""

    symbols = models.JSONField()  # "exchange:BTC/USDT" in the order in which they get at the cash
    timeframe = models.CharField(max_length=3, choices=TIMEFRAMES)
    from_ms = models.BigIntegerField()
    to_ms = models.BigIntegerField()
    knobs = models.JSONField()  # trading.knobs.Knobs
    starting_cash = ExactDecimalField()
    seed = models.PositiveBigIntegerField(default=0)  # of everything that draws
    created_by = models.ForeignKey("auth.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_index=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Simulation(Stretch):
    """One run of a candidate against a baseline on the same candles, with its evidence.

    The report itself (curves, trades, metrics) is a file under the artifacts directory,
    named by its hash; what lists and gates ask for is in columns.
    """

    class FillAt(models.TextChoices):
        NEXT_OPEN = "next_open", "Next open"
        SAME_CLOSE = "same_close", "Same close (optimistic)"

    class Verdict(models.TextChoices):
        GREEN = "GREEN"
        AMBER = "AMBER"
        RED = "RED"

    job = models.OneToOneField(Job, models.CASCADE, related_name="simulation")
    version = models.ForeignKey(StrategyVersion, models.PROTECT, related_name="simulations")
    baseline = models.ForeignKey(StrategyVersion, models.PROTECT, null=True, related_name="+")
    fill_at = models.CharField(max_length=10, choices=FillAt, default=FillAt.NEXT_OPEN)
    oos_share = models.FloatField(default=0.3)  # the last part, never seen by a search
    verdict = models.CharField(max_length=5, choices=Verdict, blank=True, db_index=True)
    headline = models.JSONField(default=dict)  # the few metrics that lists show
    certificate = models.JSONField(default=dict)  # trading.simulation.certificate
    report_hash = models.CharField(max_length=64, blank=True)  # sha256 of the report's bytes

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["version", "-id"], name="simulation_of_version")]

    def __str__(self) -> str:
        return f"simulation {self.pk}"


class Search(Stretch):
    """A search of a strategy's parameters inside their bounds, in-sample only."""

    class Method(models.TextChoices):
        GRID = "grid", "Grid"
        TPE = "tpe", "Bayesian (TPE)"

    job = models.OneToOneField(Job, models.CASCADE, related_name="search")
    strategy = models.ForeignKey(Strategy, models.PROTECT, related_name="searches")
    baseline = models.ForeignKey(StrategyVersion, models.PROTECT, related_name="+")
    method = models.CharField(max_length=4, choices=Method)
    space = models.JSONField()  # {param: {"low", "high", "step"} or {"values": [...]}}
    objective = models.CharField(max_length=40, default="composite")  # a metric's name
    oos_share = models.FloatField(default=0.3)  # the last part of the range: it isn't looked at
    wanted = models.PositiveIntegerField()  # combinations to try
    tried = models.PositiveIntegerField(default=0)
    best = models.JSONField(default=list)  # [{"params", "score", "metrics"}], best first
    candidate = models.ForeignKey(  # proposed from the best
        StrategyVersion, models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "searches"

    def __str__(self) -> str:
        return f"search {self.pk}"


class SearchChunk(models.Model):
    """A part of a search that one worker takes; what it found outlives the worker."""

    search = models.ForeignKey(Search, models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    combinations = models.JSONField()  # what to try: a range of the grid, or parameter sets
    claimed_until = models.DateTimeField(null=True)
    done = models.BooleanField(default=False)
    found = models.JSONField(default=dict)  # {"tried", "best": [...], "sharpe": {"mean", "m2"}}

    class Meta:
        ordering = ["search", "number"]
        constraints = [
            models.UniqueConstraint(fields=["search", "number"], name="chunk_once_per_search"),
        ]

    def __str__(self) -> str:
        return f"{self.search_id}/{self.number}"


class TrialCount(models.Model):
    """How many parameter sets a strategy was ever tried with, and how their Sharpes vary.

    It only grows: the database refuses a smaller count and a deletion. Mean and the sum of
    squared deviations (Welford) are of per-period in-sample Sharpe ratios.
    """

    strategy = models.OneToOneField(Strategy, models.PROTECT, related_name="trial_count")
    n = models.PositiveBigIntegerField(default=0)
    mean = models.FloatField(default=0)
    m2 = models.FloatField(default=0)

    def __str__(self) -> str:
        return f"{self.strategy_id}: {self.n}"


class BotDrift(models.Model):
    """How far a bot is from a shadow simulation of itself; the newest row counts.

    `gap` is the bot's PnL less the shadow's, in the quote asset, and price + fee + missed +
    timing add up to it exactly.
    """

    bot = models.ForeignKey(Bot, models.CASCADE, related_name="drifts")
    from_ms = models.BigIntegerField()
    to_ms = models.BigIntegerField()
    decisions = models.PositiveIntegerField()
    mismatches = models.PositiveIntegerField()  # decisions that differ
    fills = models.PositiveIntegerField()
    fill_bps = models.FloatField(null=True)  # mean cost of matched fills against the shadow's
    gap = ExactDecimalField()
    price = ExactDecimalField()
    fee = ExactDecimalField()
    missed = ExactDecimalField()
    timing = ExactDecimalField()
    detail = models.JSONField(default=list)  # the first differing decisions and fills
    measured_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["bot", "-id"], name="drift_newest")]

    def __str__(self) -> str:
        return f"drift of {self.bot_id}"
