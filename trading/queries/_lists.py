"""Plain lists, newest first."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from trading.models import AuditEvent, DecisionRecord, Fill, Job, Order, Trade


def decisions(bot_id: int) -> QuerySet[DecisionRecord]:
    """Newest first."""
    rows = DecisionRecord.objects.filter(bot_id=bot_id).select_related("symbol", "version")
    return rows.order_by("-candle_close_ms", "-id")


def orders() -> QuerySet[Order]:
    """Newest first, with what lists show."""
    return Order.objects.select_related("symbol", "bot", "intent").prefetch_related("transitions")


def fills() -> QuerySet[Fill]:
    """Newest first."""
    return Fill.objects.select_related("symbol", "bot", "order").order_by("-at", "-id")


def trades() -> QuerySet[Trade]:
    """Round trips, newest first; `live` says that real money was in one."""
    real = Fill.objects.filter(trade=OuterRef("pk"), order__account__isnull=False)
    rows = Trade.objects.select_related("symbol", "bot").annotate(live=Exists(real))
    return rows.order_by("-opened_at", "-id")


def jobs() -> QuerySet[Job]:
    """Newest first."""
    return Job.objects.select_related("bot", "created_by")


def audit_events() -> QuerySet[AuditEvent]:
    """Newest first."""
    return AuditEvent.objects.order_by("-seq")
