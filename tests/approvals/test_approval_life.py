"""Whatever people and clocks do in whatever order: an approval's life keeps its promises."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from approvals import services
from approvals.approval_state import NEXT
from approvals.models import Approval
from config.refusals import Refusal
from strategies.models import StrategyVersion
from strategies.version_state import NEXT as VERSION_NEXT
from tests.approvals.asking import Table, make_proof, make_table
from trading.models import AuditEvent, SystemState
from trading.services import resume_system

pytestmark = pytest.mark.django_db
STEPS = 60


class Life:
    """Random verbs on one strategy with three people, held against what must be true."""

    def __init__(self, table: Table, seed: int) -> None:
        self.table, self.random, self.now = table, Random(seed), table.now
        self.seen: dict[int, str] = {}
        self.people = [table.proposer, table.approver, table.second]
        self.number = 30

    def step(self) -> None:
        self.now += timedelta(minutes=self.random.choice((0, 1, 30, 130)))
        verbs: list[Callable[[], Any]] = [
            self.propose,
            self.ask_again,
            *(self.approve,) * 3,
            self.reject,
            self.withdraw,
            *(self.activate,) * 2,
            self.roll_back,
            self.watch,
        ]
        with suppress(Refusal):
            self.random.choice(verbs)()
        self.hold()

    def propose(self) -> None:
        self.number += 1
        proof = make_proof(now=self.now, fast=5 + self.number % 5, slow=self.number)
        self.ask(proof.version_id, proof.pk)

    def ask_again(self) -> None:
        simulation = self.table.simulation
        self.ask(simulation.version_id, simulation.pk)

    def ask(self, version_id: int, simulation_id: int) -> None:
        by = self.random.choice([*self.people, None])
        self.table.ask(version_id=version_id, simulation_id=simulation_id, by=by, now=self.now)

    def approve(self) -> None:
        row = self.any()
        services.approve(approval_id=row.pk, digest=row.digest, by=self.who(), via="", now=self.now)

    def reject(self) -> None:
        row = self.any()
        services.reject(
            approval_id=row.pk, digest=row.digest, reason="no!", by=self.who(), via="", now=self.now
        )

    def withdraw(self) -> None:
        services.withdraw(approval_id=self.any().pk, reason="", by=self.who(), now=self.now)

    def activate(self) -> None:
        row = self.any()
        services.activate(version_id=row.version_id or 0, by=self.who(), via="", now=self.now)

    def roll_back(self) -> None:
        services.roll_back(
            strategy="trend_ema_fast", reason="worse", by=self.who(), via="", now=self.now
        )

    def watch(self) -> None:
        services.check_approvals(now=self.now)
        state = SystemState.objects.get(pk=1)
        assert (state.state == "EMERGENCY_STOP") == self.undecided_since()
        if state.state == "EMERGENCY_STOP":
            resume_system(reason="goes on", by=self.table.approver, now=self.now)

    def undecided_since(self) -> bool:
        ended = AuditEvent.objects.filter(action="approval.expired")
        resumed = AuditEvent.objects.filter(action="system.resumed").order_by("-seq").first()
        return ended.filter(seq__gt=resumed.seq if resumed else 0).exists()

    def who(self) -> Any:
        return self.random.choice(self.people)

    def any(self) -> Approval:
        return self.random.choice(list(Approval.objects.order_by("-pk")[:3]) or [Approval(pk=0)])

    def hold(self) -> None:
        """One active version, one open request, allowed steps, people who may."""
        rows = list(Approval.objects.prefetch_related("decisions"))
        for row in rows:
            before = self.seen.get(row.pk, "PENDING")
            assert row.state == before or row.state in NEXT[before] | {"USED"}
            self.seen[row.pk] = row.state
            agreed = {each.by_id for each in row.decisions.all() if each.verdict == "APPROVE"}
            assert row.requested_by_id not in agreed
            assert row.state not in {"APPROVED", "USED"} or len(agreed) >= row.approvers
        assert sum(row.is_open for row in rows) <= 1
        versions = StrategyVersion.objects.filter(strategy__name="trend_ema_fast")
        assert versions.filter(state="ACTIVE").count() == 1
        approved = versions.filter(state="APPROVED").values_list("pk", flat=True)
        assert set(approved) == {row.version_id for row in rows if row.state == "APPROVED"}


@pytest.mark.parametrize("seed", range(6))
def test_a_random_life_keeps_every_promise(seed: int) -> None:
    life = Life(make_table(), seed)
    for _ in range(STEPS):
        life.step()

    assert AuditEvent.objects.filter(action__startswith="approval.").count() >= len(life.seen)


@pytest.mark.parametrize("table", [NEXT, VERSION_NEXT])
def test_every_state_of_a_table_is_known_to_it(table: dict[str, frozenset[str]]) -> None:
    assert {state for news in table.values() for state in news} <= set(table)
