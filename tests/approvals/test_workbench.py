"""One page leads a version from its evidence to being active, and back."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from approvals import services
from approvals.errors import ApprovalInvalid
from approvals.models import Approval
from approvals.pages.workbench import scene_of, steps_of
from config import clock
from strategies.models import StrategyVersion
from tests.approvals.asking import Table, make_proof, make_table
from tests.console.pages import body, text_of
from trading.services import save_draft

pytestmark = pytest.mark.django_db
STRATEGY = "/strategies/trend_ema_fast/"
PAGE = f"{STRATEGY}versions/2/"


@pytest.fixture
def table() -> Table:
    return make_table(now=clock.now())


def as_(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def why_not(table: Table, key: str) -> str:
    steps = {step.key: step for step in steps_of(scene_of(table.version))}
    return steps[key].why_not


def test_from_evidence_to_active_and_back_on_one_page(table: Table) -> None:
    proposer, approver = as_(table.proposer), as_(table.approver)
    assert why_not(table, "ask") == ""
    assert f"{PAGE}request/" in body(proposer.get(PAGE))
    proposer.post(f"{PAGE}request/", {"reason": "faster in trends"})
    row = Approval.objects.get()
    assert f"Request {row.pk} is open." in text_of(proposer.get(PAGE))
    assert "It waits for people." in text_of(proposer.get(PAGE))

    table.approve(row, now=clock.now())
    assert "It takes the permission to decide on requests." in text_of(proposer.get(PAGE))
    assert f'action="{PAGE}activate/"' in body(approver.get(PAGE))
    approver.post(f"{PAGE}activate/")
    assert table.version.state == "ACTIVE"
    text = text_of(approver.get(PAGE))
    assert "Retire What replaces it retires it." in text
    assert "Roll back to v1" in text

    approver.post(f"{STRATEGY}rollback/", {"reason": "worse live"})
    assert table.version.state == "RETIRED"
    told = text_of(approver.get(PAGE))
    assert "Replaced by a rollback to v1" in told
    assert "Activated" in told
    first = text_of(approver.get(f"{STRATEGY}versions/1/"))
    assert "Brought back by a rollback worse live anna" in first
    assert "Replaced by v2" in first


def test_what_was_active_names_the_request_that_it_used(table: Table) -> None:
    row = table.ask()
    table.approve(row)
    table.activate()
    services.roll_back(
        strategy="trend_ema_fast",
        reason="worse live",
        by=table.approver,
        via="session:test",
        now=table.at(minutes=5),
    )
    text = text_of(as_(table.proposer).get(STRATEGY))

    assert f"activated in place of v1 by anna, request {row.pk}" in text
    assert "rolled back to, from v2 by anna" in text
    assert text.count(f"request {row.pk}") == 1


def test_stale_or_red_evidence_says_why_nobody_can_be_asked(table: Table) -> None:
    table.simulation.finished_at = table.at(hours=-25)
    table.simulation.save()
    assert "older than 24 hours" in why_not(table, "ask")
    assert "It proves nothing any more." in text_of(as_(table.proposer).get(PAGE))

    table.simulation.finished_at = table.now
    table.simulation.verdict = "RED"
    table.simulation.save()
    assert "is red" in why_not(table, "ask")


def test_a_candidate_is_simulated_first(table: Table) -> None:
    StrategyVersion.objects.filter(pk=table.version.pk).update(state="RETIRED")
    StrategyVersion.objects.filter(pk=table.version.pk).update(state="CANDIDATE")

    assert why_not(table, "ask") == "Simulate it against the active version first."


def test_it_is_simulated_again_on_what_it_was_simulated_on(table: Table) -> None:
    steps = {step.key: step for step in steps_of(scene_of(table.version))}
    row = table.simulation

    assert f"from_ms={row.from_ms}&to_ms={row.to_ms}" in steps["simulate"].url
    form = body(as_(table.proposer).get(steps["simulate"].url))
    assert 'name="params-fast" value="8"' in form
    assert '<option value="5m" selected>' in form


def test_a_draft_is_not_asked_for_by_a_typed_address(table: Table) -> None:
    draft = save_draft(
        strategy_name="trend_ema_fast",
        params={"fast": 4},
        note="",
        by=table.proposer,
        now=table.now,
    )
    path = f"{STRATEGY}versions/{draft.number}/"
    client, approver = as_(table.proposer), as_(table.approver)

    assert client.post(f"{path}request/", {"reason": "at once"}).status_code == 422
    assert approver.post(f"{path}activate/").status_code == 404
    draft.refresh_from_db()
    assert draft.state == "DRAFT"
    assert not Approval.objects.exists()


def test_nobody_asks_with_somebody_elses_evidence_for_a_draft(table: Table) -> None:
    proof = make_proof(now=table.now, fast=9)
    draft = save_draft(
        strategy_name="trend_ema_fast", params={"fast": 4}, note="", by=None, now=table.now
    )

    with pytest.raises(ApprovalInvalid, match="can't be asked for"):
        table.ask(version_id=draft.pk, simulation_id=proof.pk)
    assert not Approval.objects.exists()


def test_the_workbench_reads_a_bounded_number_of_rows(
    table: Table, django_assert_max_num_queries: object
) -> None:
    client = as_(table.proposer)
    with django_assert_max_num_queries(45):  # type: ignore[operator]
        client.get(PAGE)
