"""The standing view on each symbol."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from config import bus
from config.rendering import instant
from strategies.agents import Standing
from strategies.models import Posture


def keep_posture(
    *, symbol_id: int, standing: Standing, details: Mapping[str, Any], now: datetime
) -> Posture:
    """Write what one look made of the view; a change of it is published."""
    with transaction.atomic():
        before = Posture.objects.select_for_update().filter(pk=symbol_id).first()
        turned = before is None or before.view != standing.view
        posture, _ = Posture.objects.update_or_create(
            symbol_id=symbol_id,
            defaults={
                "view": standing.view,
                "p_up": standing.p_up,
                "leaning": standing.leaning,
                "count": standing.count,
                "since": now if before is None or turned else before.since,
                "details": dict(details),
                "updated_at": now,
            },
        )
        if turned:
            data = {
                "symbol_id": symbol_id,
                "view": standing.view,
                "p_up": standing.p_up,
                "ts_utc": instant(now),
            }
            message = {"type": "event.message", "event": "posture.changed", "data": data}
            bus.publish_on_commit(bus.EVENTS_GROUP, message)
    return posture
