"""A notification says where to look."""

from __future__ import annotations

import pytest
from django.urls import resolve
from pytest_django import Settings

from approvals import services, wording
from approvals.models import Notification
from tests.approvals.asking import make_table
from tests.approvals.factories import make_channel

SUBJECTS = {
    "account:11": "trading:account",
    "approval:7": "approvals:approval",
    "approval_policy:ACTIVATION": "approvals:policies",
    "approval_waiver:1": "approvals:policies",
    "strategy:trend_ema:2": "approvals:version",
    "bot:3": "trading:bot",
    "simulation:4": "trading:simulation",
    "incident:5": "trading:incident",
    "grant:6": "trading:live",
    "llm_call:8": "approvals:llm-call",
    "review:9": "approvals:review",
    "suggestion:10": "approvals:suggestion",
    "llm:openai": "approvals:ai-log",
    "system": "trading:controls",
}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_page_of_a_subject_is_one_of_the_consoles(subject: str) -> None:
    assert resolve(wording.page_of(subject)).view_name == SUBJECTS[subject]


@pytest.mark.parametrize("subject", ["", "audit", "bot:x", "process:beat", "user:1"])
def test_a_subject_without_a_page_has_no_link(subject: str) -> None:
    assert wording.page_of(subject) == ""


@pytest.mark.django_db
def test_a_request_is_notified_with_its_address(settings: Settings) -> None:
    url = {"console_url": "https://console.example.org"}
    settings.ENV = settings.ENV.model_copy(update=url)
    table = make_table()
    make_channel(by=table.approver)
    services.follow(now=table.now)
    row = table.ask()
    services.follow(now=table.now)

    body = Notification.objects.get(title__startswith="An approval is asked for").body
    assert body.endswith(f"https://console.example.org/approvals/{row.pk}/")
