"""Rows of this room for tests: say only what the test is about."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

from django.contrib.auth.models import User

from approvals import services
from approvals.models import (
    Channel,
    Delivery,
    LlmCall,
    LlmMonth,
    LlmReservation,
    Notification,
    Review,
    Suggestion,
)
from approvals.outgoing import Message
from approvals.topics import Severity, Topic
from strategies import queries as strategy_queries
from strategies import services as strategy_services
from tests.trading.factories import NOW, make_user
from trading import access
from trading.models import Job
from trading.services import record

LOOPBACK = (ip_network("127.0.0.1/32"),)
SLACK_URL = "https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/abcdefghijklmnopqrstuvwx"
MODEL_KEY = "sk-canary-0123456789abcdef"
TOKEN = "123456789:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"
MESSAGE = Message("Order rejected", "too small", "orders", 20, NOW, "7")


def make_person(role: str = access.VIEWER) -> User:
    return make_user(role)


def make_channel(
    *,
    by: User | None = None,
    kind: str = "webhook",
    name: str = "mine",
    given: Mapping[str, Any] | None = None,
    min_severity: int = Severity.WARNING,
    topics: tuple[str, ...] = (),
    now: datetime = NOW,
) -> Channel:
    """A webhook that leads to an address of nobody."""
    return services.add_channel(
        kind=kind,
        name=name,
        given=given or {"url": "https://hooks.example.org/secret-path"},
        min_severity=min_severity,
        topics=topics,
        by=by or make_person(),
        now=now,
    )


def make_delivery(channel: Channel, *, now: datetime = NOW, **given: Any) -> Delivery:
    """Something critical on its way, due at once."""
    number = Notification.objects.count()
    notification = Notification.objects.create(
        source="audit",
        source_ref=f"made-{number}",
        topic=Topic.ORDERS,
        severity=Severity.CRITICAL,
        title="Order rejected",
        body="too small",
        key=f"key-{number}",
        at=now,
        last_at=now,
    )
    fields = {"due_at": now, "created_at": now, **given}
    return Delivery.objects.create(notification=notification, channel=channel, **fields)


def make_advice(*, now: datetime = NOW) -> Suggestion:
    """A review that a model was asked for, and a suggestion that the gate refused."""
    strategy_services.sync_strategies(now=now)
    base = strategy_queries.active_version("trend_ema")
    month, _ = LlmMonth.objects.get_or_create(month=f"{now:%Y-%m}")
    held = LlmReservation.objects.create(month=month, amount=1, purpose="REVIEW", at=now)
    call = LlmCall(
        key=uuid.uuid4(),
        reservation=held,
        at=now,
        purpose="REVIEW",
        asked_by="ai:model",
        provider="ollama",
        base_url="http://127.0.0.1:11434",
        model="tiny",
        params={"max_tokens": 100},
        verdict="NOT_JSON",
        latency_ms=7,
        cost=Decimal("0.01"),
        cost_basis="RESERVED",
    )
    call.digest = services.call_digest(call)
    call.save()
    record(action="llm.called", subject=f"llm_call:{call.pk}", by="ai:model", now=now)
    job = Job.objects.create(task="strategy.review", created_at=now, updated_at=now)
    review = Review.objects.create(
        job=job,
        strategy=base.strategy,
        base=base,
        source="LLM",
        rounds=1,
        symbols=["recorded:BTC/USDT"],
        timeframe="5m",
        from_ms=0,
        to_ms=1,
        knobs={},
        starting_cash=1,
        created_at=now,
    )
    return Suggestion.objects.create(
        strategy=base.strategy,
        base=base,
        review=review,
        source="LLM",
        state="REFUSED",
        refused_code="NOT_JSON",
        refused_reason="It is not one JSON value.",
        call=call,
        created_at=now,
    )


def with_model(settings: Any, server: Any, provider: Any = "openai", **given: Any) -> None:
    """Settings that lead to a loopback model server: one dollar for a million tokens."""
    fields = {
        "llm_enabled": True,
        "llm_provider": provider,
        "llm_model": "acme-1",
        "llm_api_key": MODEL_KEY,
        "llm_base_url": server.base(provider),
        "llm_private_networks": LOOPBACK,
        "llm_price_in": Decimal(1),
        "llm_price_out": Decimal(2),
        "llm_timeout_s": 5.0,
        **given,
    }
    settings.ENV = settings.ENV.model_copy(update=fields)
