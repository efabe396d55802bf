"""Looser limits by several people at once, on the real database: exactly one outcome."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Event, Thread
from time import sleep

import pytest
from django.db import connections, transaction
from pytest_django import Settings

from approvals.models import Approval
from config.refusals import Refusal
from tests.approvals.asking import make_approver
from tests.approvals.limiting import Room, make_room
from trading import services as trading_services
from trading.models import AuditEvent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def room(settings: Settings) -> Room:
    return make_room(settings)


def together(*acts: Callable[[], object]) -> list[object]:
    """What each did or met."""
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


def test_two_who_agree_at_once_set_it_once(room: Room) -> None:
    row, other = room.ask(), make_approver("dora")

    done = together(lambda: room.approve(row), lambda: room.approve(row, by=other))

    assert sorted(isinstance(each, Refusal) for each in done) == [False, True]
    turned = AuditEvent.objects.filter(action="bot.knobs_changed", reason__startswith="agreed")
    assert (turned.count(), room.knobs["max_exposure"]) == (1, "0.9")


def test_two_who_ask_at_once_leave_one_request_open(room: Room) -> None:
    done = together(lambda: room.ask(), lambda: room.ask({"max_exposure": "0.8"}))

    assert len(done) == 2
    assert any(isinstance(each, Approval) for each in done)
    assert Approval.objects.filter(kind="LIMITS", state="PENDING").count() == 1


def test_a_bot_at_work_and_people_who_agree_wait_for_each_other_in_one_order(room: Room) -> None:
    row, held = room.ask(), Event()

    def at_work() -> object:
        """As a cycle does: the bot first, the log second."""
        with transaction.atomic():
            bot = trading_services.get_bot(room.desk.bot.pk, lock=True)
            held.set()
            sleep(0.4)
            subject = f"bot:{bot.pk}"
            return trading_services.record(
                action="bot.cycle_run", subject=subject, by=None, now=room.now
            )

    def agree() -> object:
        held.wait(5)
        return room.approve(row)

    done = together(at_work, agree)

    assert len(done) == 2
    assert room.knobs["max_exposure"] == "0.9"


def test_who_tightens_while_others_agree_is_never_lost(room: Room) -> None:
    row = room.ask()

    def tighten() -> object:
        return trading_services.set_knobs(
            bot_id=room.desk.bot.pk,
            knobs={"max_position": "0.01"},
            by=room.desk.asker,
            now=room.now,
        )

    done = together(tighten, lambda: room.approve(row))

    assert room.knobs["max_position"] == "0.01"
    agreed = not any(isinstance(each, Refusal) for each in done)
    assert room.knobs["max_exposure"] == ("0.9" if agreed else "0.5")


def test_one_who_asks_anew_while_others_agree_leaves_no_deadlock(room: Room) -> None:
    row = room.ask()

    done = together(lambda: room.ask({"max_exposure": "0.8"}), lambda: room.approve(row))

    assert len(done) == 2
    states = set(Approval.objects.filter(kind="LIMITS").values_list("state", flat=True))
    assert states <= {"USED", "SUPERSEDED", "PENDING"}
    assert room.knobs["max_exposure"] == ("0.9" if "USED" in states else "0.5")
