"""Silence is not consent: what nobody decides in time stops everything, once, and says why."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connections
from pytest_django import DjangoAssertNumQueries

from approvals import services
from approvals.errors import ApprovalExpired
from approvals.models import Approval, Notification
from approvals.services._clock_moves import STEP_MS, notice_clock
from approvals.tasks import expire_approvals
from approvals.topics import kind_of
from config import clock, feeding
from config.clock import Reading
from config.refusals import Refusal
from tests.approvals.asking import Table, make_proof, make_table
from tests.approvals.factories import make_channel
from trading.models import AuditEvent, Bot, HaltRequest, SystemState
from trading.services import resume_system
from trading.services._system import finish_emergency_stop

pytestmark = pytest.mark.django_db
LIFE = timedelta(hours=2)


@pytest.fixture
def table() -> Table:
    return make_table()


def state() -> SystemState:
    return SystemState.objects.get(pk=1)


def test_an_approval_that_nobody_decides_on_stops_everything_and_says_which(table: Table) -> None:
    row = table.ask()

    assert services.check_approvals(now=table.at(hours=2, seconds=-1)) == []
    assert services.check_approvals(now=table.at(hours=2)) == [row.pk]

    row.refresh_from_db()
    assert row.state == Approval.State.EXPIRED
    assert state().state == SystemState.State.EMERGENCY_STOP
    assert (
        state().reason == f"Approval {row.pk} expired undecided: activation of trend_ema_fast v2."
    )
    assert table.version.state == "SIMULATED"
    with pytest.raises(Refusal):
        table.approve(row, now=table.at(hours=2, seconds=1))


def test_only_a_person_resumes_and_the_expired_one_stays_expired(table: Table) -> None:
    row = table.ask()
    services.check_approvals(now=table.at(hours=2))
    services.check_approvals(now=table.at(hours=3))

    resume_system(reason="read it, all is well", by=table.approver, now=table.at(hours=4))
    assert services.check_approvals(now=table.at(hours=5)) == []

    row.refresh_from_db()
    assert (state().state, row.state) == ("RUNNING", "EXPIRED")
    assert AuditEvent.objects.filter(action="system.emergency_stopped").count() == 1


def test_a_policy_may_say_that_silence_leads_to_nothing(table: Table) -> None:
    row = table.ask(on_expiry="NOTHING")

    assert services.check_approvals(now=table.at(hours=2)) == [row.pk]
    assert state().state == "RUNNING"


def test_what_was_approved_but_not_used_lapses_without_a_stop(table: Table) -> None:
    row = table.ask()
    table.approve(row)

    assert services.check_approvals(now=table.at(hours=2, minutes=1)) == [row.pk]

    assert (state().state, table.version.state) == ("RUNNING", "SIMULATED")
    assert AuditEvent.objects.filter(action="approval.lapsed").exists()


def seen(*, hours: float = 0, boot: str = "a machine") -> Reading:
    """The wall clock so far ahead of where it stood first."""
    return Reading(boot, round(1_800_000_000_000 + hours * 3_600_000))


def test_a_clock_set_forward_stops_nothing(table: Table) -> None:
    table.ask()
    services.check_approvals(now=table.now, reading=seen())
    jumped: dict[str, Any] = {"now": table.at(hours=2.5), "reading": seen(hours=1.5)}

    assert services.check_approvals(**jumped) == []
    assert services.check_approvals(**jumped) == []
    assert len(services.check_approvals(now=table.at(hours=2 + 1.5), reading=seen(hours=1.5))) == 1


def test_a_clock_set_back_gives_nobody_more_time(table: Table) -> None:
    table.ask()
    services.check_approvals(now=table.now, reading=seen())
    back = seen(hours=-1.5)

    assert services.check_approvals(now=table.at(minutes=-30), reading=back) == []
    assert len(services.check_approvals(now=table.at(minutes=30), reading=back)) == 1
    assert state().state == "EMERGENCY_STOP"


def test_many_processes_on_several_machines_move_the_deadlines_once(table: Table) -> None:
    row = table.ask()
    for boot in ("one", "other"):
        services.check_approvals(now=table.now, reading=seen(boot=boot))
    for boot in ("one", "one", "other", "other"):
        services.check_approvals(now=table.at(hours=1), reading=seen(hours=1, boot=boot))

    row.refresh_from_db()
    assert row.due_at == table.at(hours=3)
    assert row.expires_at == table.at(hours=2)


def test_looking_at_clocks_that_did_not_move_writes_nothing(
    table: Table, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    notice_clock(seen(), now=table.now)
    with django_assert_num_queries(1) as asked:
        notice_clock(seen(), now=table.now)
    assert asked.captured_queries[0]["sql"].startswith("SELECT")


def test_a_machine_that_is_seen_for_the_first_time_moves_nothing(table: Table) -> None:
    row = table.ask()
    services.check_approvals(now=table.now, reading=seen())

    services.check_approvals(now=table.at(hours=1), reading=seen(hours=5, boot="started anew"))

    row.refresh_from_db()
    assert row.due_at == row.expires_at


def test_a_clock_that_stood_in_another_year_puts_an_end_off_by_one_life_at_most(
    table: Table,
) -> None:
    row = table.ask()
    year = 8_766
    services.check_approvals(now=table.at(hours=-30 * year), reading=seen(hours=-30 * year))

    assert services.check_approvals(now=table.at(hours=1), reading=seen()) == []

    row.refresh_from_db()
    assert row.due_at == table.at(hours=3)


def test_all_processes_of_a_machine_read_the_same_clocks() -> None:
    script = "from config import clock; r = clock.read(); print(r.boot, r.apart_ms)"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    boot, apart_ms = printed.stdout.split()

    assert boot.decode() == clock.read().boot
    assert abs(int(apart_ms) - clock.read().apart_ms) < STEP_MS


def test_a_stop_whose_process_died_after_the_expiry_is_finished_by_the_tick(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.ask()

    def killed(**_: object) -> None:
        raise SystemExit

    monkeypatch.setattr("approvals.services._expiry.emergency_stop", killed)
    with pytest.raises(SystemExit):
        services.check_approvals(now=table.at(hours=2))

    assert HaltRequest.objects.filter(lifted_at=None).exists()
    finish_emergency_stop(now=table.at(hours=2, seconds=6))
    assert state().state == "EMERGENCY_STOP"
    assert "expired undecided" in state().reason


def test_people_are_reminded_at_half_and_at_four_fifths_once(table: Table) -> None:
    make_channel(by=table.approver)
    services.follow(now=table.now)
    row = table.ask()
    for minutes in (59, 60, 61, 96, 97, 120):
        services.check_approvals(now=table.at(minutes=minutes))
    services.follow(now=table.at(hours=2))

    told = list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))
    approval = [action for action in told if action.startswith("approval.")]
    assert approval == [
        "approval.requested",
        "approval.half_over",
        "approval.nearly_over",
        "approval.expired",
    ]
    titles = [notification.title for notification in Notification.objects.order_by("pk")]
    assert any("expires soon" in title for title in titles)
    assert all(kind_of(action) for action in approval)
    assert row.reason == "faster in trends"


def test_a_newer_request_takes_the_older_ones_deadline_with_it(table: Table) -> None:
    older = table.ask()
    proof = make_proof(fast=9, slow=21)
    newer = table.ask(version_id=proof.version_id, simulation_id=proof.pk, now=table.at(hours=1))

    assert services.check_approvals(now=table.at(hours=2)) == []
    older.refresh_from_db()
    assert (older.state, newer.state) == ("SUPERSEDED", "PENDING")


@pytest.mark.parametrize("away", [0.0, 600.0], ids=["watched", "set while nothing ran"])
def test_the_wall_clock_goes_back_an_hour_and_the_end_comes_all_the_same(
    table: Table, monkeypatch: pytest.MonkeyPatch, away: float
) -> None:
    row = table.ask()
    at: dict[str, Any] = {"wall": table.at(hours=2, seconds=-1 - away), "mono": 1_000.0}
    monkeypatch.setattr(clock, "now", lambda: at["wall"])
    monkeypatch.setattr(clock, "now_ms", lambda: clock.to_ms(at["wall"]))
    monkeypatch.setattr(clock, "mono", lambda: at["mono"])
    for other in ("watch", "doubt_clocks", "tell_failures_for_beat"):
        monkeypatch.setattr(f"trading.services.{other}", lambda **_: None)
    monkeypatch.setattr("trading.tasks.send_hints", lambda hints: None)
    feeding._watch_once(feeding.Jumps())

    at["wall"] += timedelta(seconds=away) - timedelta(hours=1)
    at["mono"] += away
    feeding._watch_once(feeding.Jumps())  # another process, started after the clock was set
    assert state().state == "RUNNING"
    at["wall"] += timedelta(seconds=1)
    at["mono"] += 1.0
    expire_approvals()

    row.refresh_from_db()
    assert (row.state, state().state) == ("EXPIRED", "EMERGENCY_STOP")


@pytest.mark.django_db(transaction=True)
class TestAtTheSameMoment:
    """Threads on the real database: exactly one outcome."""

    @pytest.mark.parametrize("attempt", range(4))
    def test_approving_and_expiring_have_one_outcome(self, attempt: int) -> None:
        table = make_table()
        row = table.ask()
        at = table.at(hours=2)
        done = _together(
            lambda: table.approve(row, now=at - timedelta(microseconds=1)),
            lambda: services.check_approvals(now=at),
        )

        row.refresh_from_db()
        approved = row.decisions.filter(verdict="APPROVE").count()
        assert (row.state, approved, state().state) in {
            ("APPROVED", 1, "RUNNING"),
            ("EXPIRED", 0, "EMERGENCY_STOP"),
        }, done

    def test_two_activations_use_it_once(self) -> None:
        table = make_table()
        table.approve(table.ask())
        done = _together(table.activate, table.activate)

        assert sum(isinstance(each, Refusal) for each in done) == 1
        assert AuditEvent.objects.filter(action="strategy_version.activated").count() == 1

    def test_approving_and_rejecting_have_one_outcome(self) -> None:
        table = make_table()
        row = table.ask()
        said: dict[str, Any] = {
            "approval_id": row.pk,
            "digest": row.digest,
            "via": "",
            "now": table.now,
        }
        _together(
            lambda: services.approve(by=table.approver, **said),
            lambda: services.reject(by=table.second, reason="no, not now", **said),
        )

        row.refresh_from_db()
        assert row.decisions.count() == 1
        assert (
            row.state == {"APPROVE": "APPROVED", "REJECT": "REJECTED"}[row.decisions.get().verdict]
        )


def _together(*acts: Callable[[], object]) -> list[object]:
    barrier, done = Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        barrier.wait()
        try:
            done.append(act())
        except Refusal as refusal:
            done.append(refusal)
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return done


def test_a_bot_that_ran_is_stopped_by_an_expiry(table: Table) -> None:
    table.ask()
    Bot.objects.update(status=Bot.Status.RUNNING)

    services.check_approvals(now=table.at(hours=2))

    assert not Bot.objects.running().exists()
    with pytest.raises((ApprovalExpired, Refusal)):
        table.activate(now=table.at(hours=3))
