"""Strategy versions, with their audit event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from strategies import services as strategy_services
from strategies.models import StrategyVersion
from trading.services._audit import record


@transaction.atomic
def create_version(
    *, strategy_name: str, params: Mapping[str, Any], note: str, by: User | None, now: datetime
) -> StrategyVersion:
    """A candidate with these parameters; the same content gives the row that exists."""
    version = strategy_services.create_version(
        strategy_name=strategy_name, params=params, by=by, now=now, note=note
    )
    if version.created_at == now:
        record(
            action="strategy_version.created",
            subject=f"strategy:{strategy_name}:{version.number}",
            by=by,
            now=now,
            after={"params": version.params, "note": note},
        )
    return version
