"""How the positions of live bots are protected."""

from __future__ import annotations

from decimal import Decimal

from django.db import models

from marketdata.models import Symbol
from trading.models.bots import Bot


class Protection(models.Model):
    """What stands between an open position of a live bot and a falling price, as last seen.

    Only positions whose strategy declares a stop have a row.
    """

    class State(models.TextChoices):
        EXCHANGE = "EXCHANGE", "stop at the exchange"
        SOFTWARE = "SOFTWARE", "software stop"  # wanted so, and the bot runs
        UNPROTECTED = "UNPROTECTED", "unprotected"

    bot = models.ForeignKey(Bot, models.CASCADE, related_name="protections")
    symbol = models.ForeignKey(Symbol, models.PROTECT, related_name="+")
    state = models.CharField(max_length=11, choices=State)
    reason = models.CharField(max_length=20, blank=True)  # trading.protection.Why
    detail = models.CharField(max_length=60, blank=True)  # the exchange's code, a denial
    watched = models.BooleanField(default=False)  # whether the software stop is at work
    level = models.CharField(max_length=40, blank=True)  # of the standing stop, as text
    since = models.DateTimeField()  # in this state
    alarmed_at = models.DateTimeField(null=True)  # people were told that it is unprotected
    hold_until = models.DateTimeField(null=True)  # a person sells: no stop is placed until then

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bot", "symbol"], name="one_protection_per_position"),
        ]

    def __str__(self) -> str:
        return f"{self.bot_id}:{self.symbol_id} {self.state}"

    @property
    def price(self) -> Decimal | None:
        """The level as a number."""
        return Decimal(self.level) if self.level else None
