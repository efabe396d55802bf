"""What workers do for market data."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from marketdata import services


@shared_task
def refresh_stale_indicators(**_: Any) -> None:
    services.refresh_stale_indicators()
