"""Rows of this room for tests: say only what the test is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

from django.contrib.auth.models import User

from approvals import services
from approvals.models import Channel, Delivery, Notification
from approvals.outgoing import Message
from approvals.topics import Severity, Topic
from tests.trading.factories import NOW, make_user
from trading import access

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
