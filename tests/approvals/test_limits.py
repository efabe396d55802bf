"""Looser limits of real money: what somebody might try, and what other people's word does."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from pytest_django import Settings

from approvals import approval_triggers, queries, services
from approvals.errors import (
    AlreadyDecided,
    ApprovalChanged,
    ApprovalExpired,
    ApprovalInvalid,
    ApprovalNotOpen,
    ApproverNotAllowed,
    OwnApproval,
    PolicyInvalid,
)
from approvals.models import Approval, ApprovalDecision, Notification
from approvals.services._limit_subjects import target_of
from approvals.services._limiting import _made, hold_limits
from config.refusals import Refusal
from tests.approvals.asking import VIA, make_approver
from tests.approvals.factories import make_channel
from tests.approvals.limiting import Room, make_room
from tests.forging import without
from tests.trading.factories import make_user
from trading import services as trading_services
from trading.errors import AccountUnknown, KnobsInvalid, LimitsNeedApproval, StepUpRequired
from trading.models import AuditEvent, ExchangeAccount, SystemState

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(settings: Settings) -> Room:
    return make_room(settings)


class TestTheWay:
    def test_by_default_one_other_person_agrees_within_a_day_or_nothing_changes(
        self, room: Room
    ) -> None:
        policy = queries.policy_of("LIMITS")
        assert (policy.deadline_s, policy.approvers, policy.step_up, policy.on_expiry) == (
            86_400,
            1,
            True,
            "NOTHING",
        )
        row = room.ask()
        before = room.knobs

        assert (row.about, row.due_at) == (f"bot:{room.desk.bot.pk}", room.at(days=1))
        assert services.check_approvals(now=room.at(days=1)) == [row.pk]
        row.refresh_from_db()
        assert (row.state, room.knobs) == ("EXPIRED", before)
        assert SystemState.objects.get(pk=1).state == "RUNNING"
        name = room.desk.bot.name
        assert row.ended_reason == (
            f"Approval {row.pk} expired undecided: looser limits of {name}."
        )

    def test_what_others_agreed_to_holds_at_once_in_the_name_of_who_asked(self, room: Room) -> None:
        used = room.approve(room.ask())

        assert (used.state, used.ended_by) == ("USED", room.desk.approver)
        assert (room.knobs["max_exposure"], room.knobs["max_daily_loss"]) == ("0.9", "0.05")
        event = AuditEvent.objects.filter(action="bot.knobs_changed").latest("seq")
        assert event.actor == room.desk.asker.get_username()
        assert event.reason == f"agreed: {room.desk.approver.get_username()}"
        asked = AuditEvent.objects.get(action="approval.requested").after or {}
        assert (asked["max_exposure"], asked["max_daily_loss"]) == ("0.5 -> 0.9", "0.1 -> 0.05")

    def test_an_accounts_limits_go_the_same_way(self, room: Room) -> None:
        row = room.ask_account(symbols=["BTC/USDT", "sol/usdt "], max_exposure=D(10**11))
        used = room.approve(row)

        assert (used.state, row.about) == ("USED", f"account:{room.desk.account.pk}")
        assert room.account.symbols == ["BTC/USDT", "SOL/USDT"]
        assert room.account.max_exposure == D(10**11)

    def test_a_newer_request_takes_the_place_of_an_older_one_about_the_same(
        self, room: Room
    ) -> None:
        older, account = room.ask(), room.ask_account()
        newer = room.ask({"max_exposure": "0.7"})

        states = {row.pk: row.state for row in Approval.objects.all()}
        assert states[older.pk] == "SUPERSEDED"
        assert (states[newer.pk], states[account.pk]) == ("PENDING", "PENDING")
        assert queries.open_limits_of(newer.about) == newer

    def test_where_two_must_agree_the_first_changes_nothing(self, room: Room) -> None:
        room.policy(approvers=2)
        row = room.ask()

        assert room.approve(row).state == "PENDING"
        assert room.knobs["max_exposure"] == "0.5"
        assert room.approve(row, by=make_approver("dora")).state == "USED"
        assert room.knobs["max_exposure"] == "0.9"

    def test_it_also_holds_for_a_bot_that_is_on_paper_by_then(self, room: Room) -> None:
        row = room.ask()
        trading_services.bring_to_paper(bot_id=room.desk.bot.pk, by=room.desk.asker, now=room.now)

        assert room.approve(row).state == "USED"

    def test_people_are_reminded_and_told_where_to_look(self, room: Room) -> None:
        make_channel()
        services.follow(now=room.now)
        row = room.ask()
        services.check_approvals(now=room.at(hours=20))
        services.follow(now=room.at(hours=20))

        actions = AuditEvent.objects.filter(subject=f"approval:{row.pk}")
        told = list(actions.order_by("seq").values_list("action", flat=True))
        assert told == ["approval.requested", "approval.nearly_over"]
        asked = Notification.objects.get(title__startswith="An approval is asked for")
        assert asked.topic == "approvals"
        assert asked.body.endswith(f"/approvals/{row.pk}/")


def _meanwhile(room: Room, **knobs: Any) -> None:
    trading_services.set_knobs(
        bot_id=room.desk.bot.pk, knobs=knobs, by=room.desk.asker, now=room.now
    )


def _after_a_turn(room: Room, row: Approval) -> Any:
    _meanwhile(room, max_position="0.01")
    return room.approve(row)


def _of_a_forged_row(room: Room, row: Approval) -> Any:
    after = {**row.subject["after"], "max_exposure": "1"}
    with without(approval_triggers.OF_APPROVALS):
        Approval.objects.filter(pk=row.pk).update(subject={**row.subject, "after": after})
    return room.approve(row)


def _after_another_key(room: Room, row: Approval) -> Any:
    asked = room.ask_account()
    ExchangeAccount.objects.update(key_hint="zzzz")
    return room.approve(asked)


def _of_an_account_that_is_gone(room: Room, row: Approval) -> Any:
    asked = room.ask_account()
    ExchangeAccount.objects.update(removed_at=room.now)
    return room.approve(asked)


def _asked_by_one_who_was_shut_out(room: Room, row: Approval) -> Any:
    room.desk.asker.groups.clear()
    return room.approve(row)


def _agreed_by_one_who_was_shut_out(room: Room, row: Approval) -> Any:
    room.policy(approvers=2)
    two = room.ask()
    first = make_approver("dora")
    room.approve(two, by=first)
    first.groups.clear()
    return room.approve(two)


def _after_more_people_are_needed(room: Room, row: Approval) -> Any:
    room.policy(approvers=2)
    return room.approve(row)


def _twice(room: Room, row: Approval) -> Any:
    room.policy(approvers=2)
    two = room.ask()
    room.approve(two)
    return room.approve(two)


def _of_another_request(room: Room, row: Approval) -> Any:
    newer = room.ask({"max_exposure": "1"})
    return room.approve(newer, digest=row.digest)


def _by_waiver(room: Room, row: Approval) -> Any:
    approver = room.desk.approver
    trading_services.confirm_person(user=approver, via=VIA, now=room.now)
    services.grant_waiver(hours=1, reason="alone", by=approver, via=VIA, now=room.now)
    return room.approve(room.ask(by=approver))


ATTACKS: dict[str, tuple[Callable[[Room, Approval], Any], type[Refusal]]] = {
    "one's own request": (lambda r, a: r.approve(r.ask(by=r.desk.approver)), OwnApproval),
    "one's own request, by a waiver": (_by_waiver, OwnApproval),
    "an operator": (lambda r, a: r.approve(a, by=make_user("operator", "o")), ApproverNotAllowed),
    "a viewer": (lambda r, a: r.approve(a, by=make_user("viewer", "v")), ApproverNotAllowed),
    "nobody": (lambda r, a: r.approve(a, by=AnonymousUser()), ApproverNotAllowed),
    "a model": (lambda r, a: r.approve(a, by="ai:model"), ApproverNotAllowed),
    "without the password": (
        lambda r, a: r.approve(a, confirmed=False, via="session:new"),
        StepUpRequired,
    ),
    "too late": (lambda r, a: r.approve(a, now=r.at(days=1, seconds=1)), ApprovalExpired),
    "a replay": (lambda r, a: [r.approve(a), r.approve(a)], ApprovalNotOpen),
    "the same person twice": (_twice, AlreadyDecided),
    "the digest of another request": (_of_another_request, ApprovalChanged),
    "no digest": (lambda r, a: r.approve(a, digest=""), ApprovalChanged),
    "a subject that was edited in the row": (_of_a_forged_row, ApprovalChanged),
    "limits that were changed meanwhile": (_after_a_turn, ApprovalChanged),
    "an account with another key": (_after_another_key, ApprovalChanged),
    "an account that is gone": (_of_an_account_that_is_gone, ApprovalChanged),
    "fewer people than it needs by now": (_after_more_people_are_needed, ApprovalChanged),
    "asked by one who may not any more": (_asked_by_one_who_was_shut_out, ApproverNotAllowed),
    "agreed by one who may not any more": (_agreed_by_one_who_was_shut_out, LimitsNeedApproval),
    "asking as a viewer": (lambda r, a: r.ask(by=make_user("viewer", "v")), ApproverNotAllowed),
    "asking for an account as an operator": (
        lambda r, a: r.ask_account(by=r.desk.asker),
        ApproverNotAllowed,
    ),
    "asking without a reason": (lambda r, a: r.ask(reason="  x "), ApprovalInvalid),
    "asking for what is tighter": (lambda r, a: r.ask({"max_exposure": "0.1"}), ApprovalInvalid),
    "asking for nothing": (lambda r, a: r.ask({}), ApprovalInvalid),
    "asking beyond the bounds": (lambda r, a: r.ask({"max_exposure": "7"}), KnobsInvalid),
    "asking for a knob that is none": (lambda r, a: r.ask({"paper_mode": True}), KnobsInvalid),
    "asking about no account": (
        lambda r, a: r.ask({"max_order": D(1)}, account_id=99, by=r.desk.approver),
        AccountUnknown,
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_on_the_limits_is_refused_and_changes_nothing(room: Room, attack: str) -> None:
    act, refusal = ATTACKS[attack]
    row, account = room.ask(), (room.account.symbols, room.account.max_exposure)

    with pytest.raises(refusal):
        act(room, row)

    if attack != "a replay":
        assert room.knobs["max_exposure"] == "0.5"
    assert (room.account.symbols, room.account.max_exposure) == account
    events = AuditEvent.objects.filter(action="bot.knobs_changed", reason__startswith="agreed")
    assert events.count() == (attack == "a replay")


def test_what_changed_meanwhile_is_named_and_a_word_that_failed_is_not_kept(room: Room) -> None:
    row = room.ask()
    _meanwhile(room, max_position="0.01")

    with pytest.raises(ApprovalChanged) as refused:
        room.approve(row)

    reasons = ["Limits that were changed since: max position."]
    assert refused.value.fields == {"reasons": reasons}
    assert services.reasons_against(row, now=room.now) == reasons
    assert (row.decisions.count(), Approval.objects.get(pk=row.pk).state) == (0, "PENDING")


def test_on_paper_or_with_a_policy_of_nobody_there_is_nothing_to_ask_for(room: Room) -> None:
    trading_services.bring_to_paper(bot_id=room.desk.bot.pk, by=room.desk.asker, now=room.now)
    with pytest.raises(ApprovalInvalid):
        room.ask()
    room.policy(approvers=0)
    assert trading_services.limits_need() == 0


def test_what_is_changed_between_the_look_and_the_lock_is_not_overwritten(room: Room) -> None:
    row = room.ask()
    _meanwhile(room, max_position="0.01")

    with pytest.raises(ApprovalChanged), transaction.atomic():
        hold_limits(row)


def test_who_asks_at_the_very_same_moment_is_told_to_look_again(room: Room) -> None:
    row = room.ask()
    target, policy = target_of(row), queries.policy_of("LIMITS")

    with pytest.raises(ApprovalChanged):
        _made(target, policy, "me too", room.desk.asker, room.now)
    assert queries.open_limits_of(row.about) == row


class TestThePolicy:
    def test_fewer_people_are_refused_while_a_bot_is_live(self, room: Room) -> None:
        room.policy(approvers=2)
        for fewer in (1, 0):
            with pytest.raises(PolicyInvalid):
                room.policy(approvers=fewer)
        assert trading_services.limits_need() == 2
        trading_services.bring_to_paper(bot_id=room.desk.bot.pk, by=room.desk.asker, now=room.now)

        room.policy(approvers=0)
        assert trading_services.limits_need() == 0

    def test_other_terms_are_changed_while_a_bot_is_live(self, room: Room) -> None:
        assert room.policy(approvers=1, deadline_s=600).deadline_s == 600
        assert room.ask().due_at == room.at(minutes=10)

    @pytest.mark.parametrize("wrong", [{"approvers": 3}, {"on_expiry": "STOP"}])
    def test_out_of_bounds_is_refused(self, room: Room, wrong: dict[str, Any]) -> None:
        with pytest.raises(PolicyInvalid):
            room.policy(**wrong)

    def test_the_password_is_asked_for_whatever_it_says(self, room: Room) -> None:
        room.policy(approvers=1, step_up=False)
        row = room.ask()
        assert row.step_up
        with pytest.raises(StepUpRequired):
            room.approve(row, confirmed=False, via="session:new")


def test_the_database_refuses_a_request_that_nobody_asked_for_or_that_needs_no_password(
    room: Room,
) -> None:
    row = room.ask()
    fields = {
        name: getattr(row, name)
        for name in ("kind", "subject", "on_expiry", "requested_at", "expires_at", "due_at")
    }
    forged: list[dict[str, Any]] = [
        {"requested_by": None, "step_up": True},
        {"requested_by": room.desk.asker, "step_up": False},
        {"requested_by": room.desk.asker, "step_up": True, "on_expiry": "STOP"},
        {"requested_by": room.desk.asker, "step_up": True, "about": row.about},
    ]
    for number, each in enumerate(forged):
        given = {**fields, "about": f"bot:9{number}", "digest": str(number) * 64, **each}
        with pytest.raises(IntegrityError), transaction.atomic():
            Approval.objects.create(**given)


def test_the_database_takes_no_waiver_for_real_money(room: Room) -> None:
    approver = room.desk.approver
    row = room.ask(by=approver)
    trading_services.confirm_person(user=approver, via=VIA, now=room.now)
    waiver = services.grant_waiver(hours=1, reason="alone", by=approver, via=VIA, now=room.now)

    with pytest.raises(IntegrityError), transaction.atomic():
        ApprovalDecision.objects.create(
            approval=row,
            verdict="APPROVE",
            by=approver,
            proposer=approver,
            waiver=waiver,
            digest=row.digest,
            at=room.now,
        )


def test_an_edited_state_needs_the_people_in_the_database_too(room: Room) -> None:
    row = room.ask()
    for state in ("APPROVED", "USED"):
        with pytest.raises(IntegrityError), transaction.atomic():
            Approval.objects.filter(pk=row.pk).update(state=state)
