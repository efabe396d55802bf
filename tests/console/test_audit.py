"""The audit log: filtered, shown as a difference, verified, taken away."""

from __future__ import annotations

import json

import pytest
from django.template.loader import render_to_string
from django.test import Client

from tests.console.pages import body, command, fragment, is_fragment, text_of
from tests.trading.factories import NOW, later
from trading import services
from trading.models import AuditEvent


@pytest.fixture(autouse=True)
def events(db: None) -> None:
    services.record(
        action="bot.knobs_changed",
        subject="bot:7",
        by="feed",
        now=NOW,
        before={"max_exposure": "0.5", "slippage_bps": "2"},
        after={"max_exposure": "0.25", "slippage_bps": "2"},
        reason="calmer",
    )
    services.record(action="token.created", subject="token:1", by=None, now=later(60))


def _listed(client: Client, query: str) -> str:
    return text_of(fragment(client, f"/audit/?{query}", "events"))


def test_events_are_listed_newest_first(viewer: Client) -> None:
    text = text_of(viewer.get("/audit/"))

    assert text.index("token.created") < text.index("bot.knobs_changed")


def test_only_what_changed_is_shown(viewer: Client) -> None:
    text = text_of(viewer.get("/audit/"))

    assert "max_exposure 0.5 0.25" in text
    assert "slippage_bps" not in text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("action=bot.", True),
        ("action=token", False),
        ("actor=feed", True),
        ("subject=bot:7", True),
        ("subject=bot:8", False),
        ("to=2024-01-31T00:01", True),
        ("from=2024-01-31T00:01", False),
        ("from=rubbish", True),
    ],
)
def test_events_are_filtered(viewer: Client, query: str, shown: bool) -> None:
    assert ("bot.knobs_changed" in _listed(viewer, query)) is shown


def test_one_request_s_events_are_found_by_its_id(viewer: Client) -> None:
    event = AuditEvent.objects.filter(action="token.created").get()

    text = _listed(viewer, f"correlation_id={event.correlation_id or 'none'}")

    assert ("token.created" in text) is bool(event.correlation_id)


def test_the_list_reads_itself_again_alone(viewer: Client) -> None:
    assert is_fragment(fragment(viewer, "/audit/", "events"))


def test_an_admin_verifies_the_log(admin: Client) -> None:
    text = text_of(command(admin, "/audit/verify/"))

    assert "The log is whole. 2 events checked" in text


def test_tampering_is_told_with_each_event() -> None:
    forged = services.AuditVerdict(
        ok=False, events=2, head="h", checked_at=NOW, problems=["event 1: its hash is wrong"]
    )

    text = render_to_string("trading/audit/verdict.html", {"verdict": forged})

    assert "The log was tampered with." in text
    assert "event 1: its hash is wrong" in text


def test_an_operator_can_not_verify(operator: Client) -> None:
    assert operator.post("/audit/verify/").status_code == 403
    assert "Verify the log" not in text_of(operator.get("/audit/"))


def test_the_filtered_events_are_taken_away_and_that_is_noted(viewer: Client) -> None:
    response = viewer.get("/audit/export.json?action=bot.")

    rows = json.loads(response.content)
    assert [row["action"] for row in rows] == ["bot.knobs_changed"]
    assert rows[0]["after"]["max_exposure"] == "0.25"
    newest = AuditEvent.objects.order_by("-seq")[0]
    assert (newest.action, newest.after) == ("audit.exported", {"action": "bot."})


def test_they_are_taken_away_as_csv_too(viewer: Client) -> None:
    rows = body(viewer.get("/audit/export.csv")).splitlines()

    assert rows[0].startswith("seq,at,actor")
    assert "bot.knobs_changed" in rows[1]
