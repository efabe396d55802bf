"""Pages of approvals: people read what changes, decide, and see what follows."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from approvals import services
from approvals.models import Approval, Waiver
from config import clock
from marketdata.queries import resolve_symbol
from strategies import queries as strategy_queries
from tests.approvals.asking import Table, make_table
from trading.models import SystemState
from trading.services import create_bot

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def table() -> Table:
    made = make_table(now=clock.now())
    for person in User.objects.all():
        person.set_password("secret")
        person.save()
    return made


def as_(user: User) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))  # its password was set since
    return client


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return str(answer.content.decode())


def test_the_queue_says_what_waits_and_what_follows(table: Table) -> None:
    assert "Nothing waits for people" in text(as_(table.approver), "/approvals/")
    row = table.ask(reason="<b>faster</b>")
    page = text(as_(table.approver), "/approvals/")

    assert f"/approvals/{row.pk}/" in page
    assert "emergency stop" in page
    assert "&lt;b&gt;faster" in page
    assert "Wait for your decision" in page
    assert "Wait for your decision" not in text(as_(table.proposer), "/approvals/")


def test_a_request_shows_diff_digest_evidence_and_the_bots_it_concerns(table: Table) -> None:
    active = strategy_queries.active_version("trend_ema_fast")
    symbol = table.simulation.symbols[0]
    create_bot(
        name="Follower",
        symbols=[resolve_symbol(symbol)],
        timeframe="5m",
        version=active,
        by=None,
        now=table.now,
    )
    row = table.ask()
    page = text(as_(table.approver), f"/approvals/{row.pk}/")

    assert "Fast EMA" in page
    assert row.digest in page
    assert "Follower" in page
    assert "Takes it at its first candle once it is started." in page
    own = table.ask(by=table.approver, now=table.at(seconds=5))
    assert "somebody else must decide" in text(as_(table.approver), f"/approvals/{own.pk}/")


def test_a_person_approves_activates_and_rolls_back_on_pages(table: Table) -> None:
    row, client = table.ask(), as_(table.approver)
    said = {"digest": row.digest, "reason": ""}
    client.post(f"/approvals/{row.pk}/approve/", said)
    assert Approval.objects.get(pk=row.pk).state == "APPROVED"
    assert "Activate v2" in text(client, f"/approvals/{row.pk}/")

    client.post("/strategies/trend_ema_fast/versions/2/activate/")
    assert strategy_queries.active_version("trend_ema_fast").number == 2
    page = text(client, "/strategies/trend_ema_fast/")
    assert "Roll back to v1" in page
    client.post("/strategies/trend_ema_fast/rollback/", {"reason": "worse live"})

    assert strategy_queries.active_version("trend_ema_fast").number == 1
    assert "Roll back to" not in text(client, "/strategies/trend_ema_fast/")


def test_to_reject_without_a_reason_is_said_beside_the_field(table: Table) -> None:
    row, client = table.ask(), as_(table.approver)
    answer = client.post(
        f"/approvals/{row.pk}/reject/", {"digest": row.digest}, headers={**HTMX, "HX-Target": "x"}
    )

    assert answer.status_code == 422
    assert "Say why" in answer.content.decode()
    client.post(f"/approvals/{row.pk}/reject/", {"digest": row.digest, "reason": "not now"})
    assert Approval.objects.get(pk=row.pk).state == "REJECTED"


def test_a_wrong_password_is_no_step_up(table: Table) -> None:
    services.change_policy(
        kind="ACTIVATION",
        deadline_s=600,
        approvers=1,
        step_up=True,
        on_expiry="STOP",
        allow_red=False,
        by=table.approver,
        now=table.now,
    )
    row, client = table.ask(), as_(table.approver)
    path = f"/approvals/{row.pk}/approve/"

    assert client.post(path, {"digest": row.digest, "password": "wrong"}).status_code == 422
    assert Approval.objects.get(pk=row.pk).state == "PENDING"
    client.post(path, {"digest": row.digest, "password": "secret"})
    assert Approval.objects.get(pk=row.pk).state == "APPROVED"


def test_a_version_is_asked_for_on_its_page(table: Table) -> None:
    client = as_(table.proposer)
    path = "/strategies/trend_ema_fast/versions/2/request/"
    assert "Ask to activate" in text(client, "/strategies/trend_ema_fast/")
    assert "else emergency stop" in text(client, path)
    assert client.post(path, {"reason": "x"}).status_code == 422
    client.post(path, {"reason": "faster in trends"})

    assert Approval.objects.get().requested_by == table.proposer
    assert "waits for people" in text(client, "/strategies/trend_ema_fast/")


def test_an_expired_request_says_that_it_stopped_everything(table: Table) -> None:
    row = table.ask()
    services.check_approvals(now=table.at(hours=2))
    client = as_(table.approver)

    assert "expired undecided" in text(client, f"/approvals/{row.pk}/")
    assert "by nobody" in text(client, "/approvals/")
    assert SystemState.objects.get(pk=1).reason in text(client, "/controls/")


def test_a_waiver_is_shown_to_everybody_while_it_stands(table: Table) -> None:
    client = as_(table.approver)
    given = {"hours": 1, "reason": "alone here"}
    assert client.post("/approvals/waiver/", {**given, "password": "no"}).status_code == 422
    client.post("/approvals/waiver/", {**given, "password": "secret"})
    waiver = Waiver.objects.get()

    assert "A waiver stands" in text(as_(table.proposer), "/approvals/")
    assert "A waiver stands" in text(as_(table.proposer), "/approvals/policies/")
    client.post(f"/approvals/waiver/{waiver.pk}/revoke/")
    assert "A waiver stands" not in text(client, "/approvals/")


def test_a_policy_is_changed_on_its_page(table: Table) -> None:
    client = as_(table.approver)
    given = {
        "ACTIVATION-deadline_min": 30,
        "ACTIVATION-approvers": 2,
        "ACTIVATION-on_expiry": "STOP",
    }
    client.post("/approvals/policies/ACTIVATION/", given)
    money = {"GO_LIVE-deadline_min": 5, "GO_LIVE-approvers": 2, "GO_LIVE-on_expiry": "NOTHING"}
    client.post("/approvals/policies/GO_LIVE/", money)

    row = table.ask()
    assert (row.approvers, row.due_at) == (2, table.at(minutes=30))
    assert "two other people" in text(client, "/approvals/policies/")
    wrong = {**given, "ACTIVATION-deadline_min": 0}
    assert client.post("/approvals/policies/ACTIVATION/", wrong).status_code == 422
    assert client.post("/approvals/policies/COFFEE/", given).status_code in {404, 422}


def test_the_home_page_asks_for_what_waits(table: Table) -> None:
    table.ask()
    client = as_(table.approver)
    answer = client.get("/approvals/", headers={**HTMX, "HX-Target": "home-approvals"})

    assert "Waits for people" in answer.content.decode()
    assert 'id="home-approvals"' in text(client, "/")
