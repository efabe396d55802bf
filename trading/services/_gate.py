"""The choke point: what every claim of an order asks, in its own transaction."""

from __future__ import annotations

from django.db import connection

from trading.models import HaltRequest, SystemState
from trading.risk import Denial

State = SystemState.State
_STATE = "SELECT state, epoch FROM trading_systemstate WHERE id = 1"
_STATE_SHARED = f"{_STATE} FOR SHARE"


def claim_denial(*, epoch: int) -> Denial | None:
    """Why a claim may not commit: a standing halt, not RUNNING, or decided before a stop.

    Call inside the claiming transaction: on PostgreSQL the state row is share-locked until
    it ends, so a stop that commits later waits for it or sees it; SQLite serialises.
    """
    if HaltRequest.objects.filter(lifted_at=None).exists():
        return Denial.TRADING_HALTED
    statement = _STATE_SHARED if connection.vendor == "postgresql" else _STATE
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    if row is None or row[0] != State.RUNNING:
        return Denial.TRADING_HALTED
    return None if row[1] == epoch else Denial.EPOCH_OVER
