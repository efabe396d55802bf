"""Reconciliation over HTTP: how far it is, what differs, who says what it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from config import clock
from tests.api.conftest import console
from tests.api.factories import Api, make_bot
from tests.trading.factories import make_account, make_incident, make_reconcile_run
from trading.models import (
    AuditEvent,
    BalanceAdjustment,
    Bot,
    ExchangeAccount,
    Incident,
    Reconciliation,
)

__all__ = ["console"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(console: None) -> ExchangeAccount:
    account = make_account()
    bot = make_bot(name="Live")
    Bot.objects.filter(pk=bot.pk).update(paper_mode=False, account=account)
    return account


def read(api: Api) -> dict[str, Any]:
    answer = api.get("reconciliation")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_it_tells_of_each_account_and_of_all(viewer: Api, account: ExchangeAccount) -> None:
    make_reconcile_run(account, fills_booked=2, at=clock.now() - timedelta(seconds=40))
    make_reconcile_run(account, "DIFFERENT", differences=1, at=clock.now() - timedelta(seconds=10))
    incident = make_incident(account)

    found = read(viewer)

    assert found["match"] == {"rate": 0.5, "clean": 1, "different": 1, "aborted": 0}
    assert (found["wanted"], found["drifts"]) == (0.999, 1)
    assert [row["id"] for row in found["incidents"]] == [incident.pk]
    (books,) = found["accounts"]
    assert (books["account"], books["exchange"], books["stale"]) == ("main", "binance", False)
    assert (books["last"]["outcome"], books["last"]["differences"]) == ("DIFFERENT", 1)
    assert [run["outcome"] for run in books["runs"]] == ["CLEAN", "DIFFERENT"]
    assert 10 <= books["age_s"] < 20


def test_an_account_before_its_first_cycle_is_stale(viewer: Api, account: ExchangeAccount) -> None:
    found = read(viewer)

    assert found["match"]["rate"] is None
    (books,) = found["accounts"]
    assert (books["stale"], books["last"], books["age_s"]) == (True, None, None)
    assert (books["told_at"], books["external_orders"]) == (None, [])


def test_a_run_is_asked_for_and_done_by_a_worker(operator: Api, account: ExchangeAccount) -> None:
    answer = operator.post("reconciliation/run")

    assert (answer.status_code, answer.json()) == (202, {"accounts": ["main"]})
    assert Reconciliation.objects.get().due_at is not None
    assert AuditEvent.objects.filter(action="reconciliation.requested").count() == 1


def test_incidents_are_found_by_state_kind_and_account(
    viewer: Api, account: ExchangeAccount
) -> None:
    old = make_incident(account, "BTC", state="RESOLVED")
    orphan = make_incident(account, "", kind="ORPHAN", key="cs-1")
    other = make_incident(make_account("other"))

    def ids(**query: Any) -> list[int]:
        return [row["id"] for row in viewer.get("incidents", **query).json()["results"]]

    assert ids() == [other.pk, orphan.pk, old.pk]
    assert ids(state="resolved") == [old.pk]
    assert ids(kind="ORPHAN") == [orphan.pk]
    assert ids(account=account.pk) == [orphan.pk, old.pk]
    assert viewer.get("incidents", state="gone").status_code == 400


def test_an_incident_shows_both_sides_and_the_evidence(
    viewer: Api, account: ExchangeAccount
) -> None:
    incident = make_incident(account, first_seen_at=clock.now() - timedelta(minutes=2))

    found = viewer.get(f"incidents/{incident.pk}").json()

    assert (found["kind"], found["title"]) == ("BALANCE", "Balance differs")
    assert (found["ours"], found["theirs"]) == ("100", "350.5")
    assert found["evidence"] == {"difference": "250.5", "tolerance": "0.01"}
    assert found["blocks"]
    assert 120 <= found["age_s"] < 130
    assert viewer.get("incidents/0").json()["code"] == "INCIDENT_UNKNOWN"


def test_it_is_acknowledged_once_with_a_reason(operator: Api, account: ExchangeAccount) -> None:
    incident = make_incident(account)
    path = f"incidents/{incident.pk}/acknowledge"

    assert operator.post(path, {}).status_code == 400
    done = operator.post(path, {"reason": "I sent it by hand."})
    again = operator.post(path, {"reason": "I sent it by hand."})

    assert done.status_code == 200
    assert (done.json()["state"], done.json()["blocks"]) == ("ACKNOWLEDGED", False)
    assert operator.user is not None
    assert done.json()["owner"] == operator.user.username
    assert (again.status_code, again.json()["code"]) == (409, "INCIDENT_NOT_OPEN")
    assert BalanceAdjustment.objects.get().change == 250.5
    event = AuditEvent.objects.get(action="incident.acknowledged")
    assert event.reason == "I sent it by hand."


def test_what_was_seen_once_only_is_not_acknowledged(
    operator: Api, account: ExchangeAccount
) -> None:
    incident = make_incident(account, drift=False, sightings=1)

    answer = operator.post(f"incidents/{incident.pk}/acknowledge", {"reason": "x"})

    assert (answer.status_code, answer.json()["code"]) == (409, "INCIDENT_UNCONFIRMED")
    assert Incident.objects.get().state == "OPEN"
