"""What trading tells the bus after a commit; payloads of the stream are R0's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict

from config.bus import EVENTS_GROUP, publish_on_commit
from trading.models import Bot, Job, Order, PortfolioSnapshot, Protection


class BotState(TypedDict):
    bot_id: int
    status: str
    job_id: int | None
    ts: str


class SnapshotTaken(TypedDict):
    bot_id: int
    equity: float
    cash: float
    positions_value: float
    ts: str
    prices: dict[str, float]


class JobProgress(TypedDict):
    bot_id: int | None
    job_id: int
    status: str
    progress: int
    message: str
    ts: str


class SystemNotice(TypedDict):
    bot_id: int | None
    job_id: int | None
    level: str
    message: str
    ts: str


class OrderChanged(TypedDict):
    order_id: int
    bot_id: int
    status: str
    ts: str


class ReconciliationChanged(TypedDict):
    account_id: int
    incident_id: int | None
    ts: str


class ProtectionChanged(TypedDict):
    bot_id: int
    symbol_id: int
    state: str
    ts: str


class DecisionMade(TypedDict):
    bot_id: int
    symbol_id: int
    action: str
    reason: str
    candle_close_ms: int
    ts: str


def bot_state(bot: Bot, *, job_id: int | None, now: datetime) -> None:
    _send(
        "bot.state",
        BotState(bot_id=bot.pk, status=bot.status.lower(), job_id=job_id, ts=now.isoformat()),
    )


def portfolio_snapshot(snapshot: PortfolioSnapshot) -> None:
    _send(
        "portfolio.snapshot",
        SnapshotTaken(
            bot_id=snapshot.bot_id,
            equity=float(snapshot.equity),
            cash=float(snapshot.cash),
            positions_value=float(snapshot.positions_value),
            ts=snapshot.at.isoformat(),
            prices=snapshot.prices,
        ),
    )


def job_progress(job: Job, *, now: datetime) -> None:
    _send(
        "job.progress",
        JobProgress(
            bot_id=job.bot_id,
            job_id=job.pk,
            status=job.status.lower(),
            progress=job.progress,
            message=job.message,
            ts=now.isoformat(),
        ),
    )


def system_notice(
    message: str,
    *,
    now: datetime,
    bot_id: int | None = None,
    job_id: int | None = None,
    level: str = "info",
) -> None:
    _send(
        "system.notice",
        SystemNotice(
            bot_id=bot_id, job_id=job_id, level=level, message=message, ts=now.isoformat()
        ),
    )


def order_changed(order: Order, *, now: datetime) -> None:
    _send(
        "order.changed",
        OrderChanged(
            order_id=order.pk, bot_id=order.bot_id, status=str(order.status), ts=now.isoformat()
        ),
    )


def reconciliation_changed(*, account_id: int, incident_id: int | None, now: datetime) -> None:
    _send(
        "reconciliation.changed",
        ReconciliationChanged(account_id=account_id, incident_id=incident_id, ts=now.isoformat()),
    )


def protection_changed(row: Protection, *, now: datetime) -> None:
    _send(
        "protection.changed",
        ProtectionChanged(
            bot_id=row.bot_id,
            symbol_id=row.symbol_id,
            state=row.state.lower(),
            ts=now.isoformat(),
        ),
    )


def decision_made(
    *, bot_id: int, symbol_id: int, action: str, reason: str, close_ms: int, now: datetime
) -> None:
    _send(
        "decision.made",
        DecisionMade(
            bot_id=bot_id,
            symbol_id=symbol_id,
            action=action,
            reason=reason,
            candle_close_ms=close_ms,
            ts=now.isoformat(),
        ),
    )


def _send(event: str, data: Mapping[str, Any]) -> None:
    publish_on_commit(EVENTS_GROUP, {"type": "event.message", "event": event, "data": dict(data)})
