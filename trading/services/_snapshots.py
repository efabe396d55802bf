"""Snapshots grow old: a point every few seconds matters for a day, not for a year."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F, Window
from django.db.models.functions import RowNumber, TruncHour, TruncMinute

from trading.models import Bot, PortfolioSnapshot

# Older than this, only the newest of each minute or hour stays.
COARSER = ((timedelta(days=1), TruncMinute), (timedelta(days=30), TruncHour))
BATCH = 20_000


def thin_snapshots(*, now: datetime) -> int:
    """Drop what is finer than its age deserves; at most one batch per step, so never for long.

    A replay's curve has market time and stays as it is.
    """
    dropped = 0
    for age, truncated in COARSER:
        old = PortfolioSnapshot.objects.filter(
            bot__source=Bot.Source.LIVE_FEED, at__lt=now - age
        ).annotate(slot=truncated("at"))
        place = Window(RowNumber(), partition_by=[F("bot_id"), F("slot")], order_by=F("at").desc())
        finer = old.annotate(place=place).filter(place__gt=1).values_list("pk", flat=True)[:BATCH]
        dropped += PortfolioSnapshot.objects.filter(pk__in=list(finer)).delete()[0]
    return dropped
