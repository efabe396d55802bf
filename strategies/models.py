"""Nouns of strategies."""

from __future__ import annotations

from django.db import models


class Strategy(models.Model):
    """One built-in strategy as people see it; the code is in `strategies.library`."""

    name = models.CharField(max_length=40, unique=True)
    title = models.CharField(max_length=80)
    description = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "strategies"
        permissions = [("operate_strategies", "Create versions and run simulations")]

    def __str__(self) -> str:
        return self.name


class StrategyVersion(models.Model):
    """Immutable parameters of a strategy. A change is a new row with the next number."""

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
