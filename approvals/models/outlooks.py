"""What bots would do with a version that waits for people, as a worker last saw it."""

from __future__ import annotations

from django.db import models

from strategies.models import StrategyVersion


class Outlook(models.Model):
    """Of one candidate against the version that was active; it decides nothing."""

    version = models.OneToOneField(StrategyVersion, models.CASCADE, related_name="outlook")
    base = models.ForeignKey(StrategyVersion, models.CASCADE, related_name="+")
    bots = models.JSONField(default=list)  # of trading.outlook.BotOutlook
    measured_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.version} against v{self.base.number}"
