"""Limits of real money are tightened by one person and loosened by no door without others."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from tests.trading.factories import make_account, make_user
from tests.trading.live_desk import LiveDesk, make_live_desk
from trading import services
from trading.errors import AccountInvalid, KnobsInvalid, LimitsNeedApproval
from trading.models import AuditEvent, Bot, ExchangeAccount, SystemState

pytestmark = pytest.mark.django_db

LOOSER: dict[str, Any] = {"max_exposure": "0.9", "cooldown_candles": 0}
TIGHTER: dict[str, Any] = {"max_daily_loss": "0.01", "max_exposure": "0.1"}


@pytest.fixture
def desk(settings: Settings) -> LiveDesk:
    """A live bot with limits that can be turned both ways."""
    made = make_live_desk(settings)
    services.set_knobs(
        bot_id=made.bot.pk,
        knobs={"max_exposure": "0.5", "cooldown_candles": 3},
        by=made.asker,
        now=made.now,
    )
    made.go_live()
    return made


def turn(desk: LiveDesk, knobs: dict[str, Any], **given: Any) -> Bot:
    said: dict[str, Any] = {"by": desk.asker, "now": desk.now, **given}
    return services.set_knobs(bot_id=desk.bot.pk, knobs=knobs, **said)


def limit(desk: LiveDesk, **given: Any) -> ExchangeAccount:
    said: dict[str, Any] = {
        "symbols": desk.account.symbols,
        "max_order": desk.account.max_order,
        "max_exposure": desk.account.max_exposure,
        "by": desk.approver,
        "now": desk.now,
        **given,
    }
    return services.set_account_limits(account_id=desk.account.pk, **said)


def knobs_of(desk: LiveDesk) -> dict[str, Any]:
    return dict(Bot.objects.get(pk=desk.bot.pk).knobs)


DOORS: dict[str, Callable[[LiveDesk], Any]] = {
    "knobs": lambda desk: turn(desk, LOOSER),
    "knobs by an administrator": lambda desk: turn(desk, LOOSER, by=desk.approver),
    "knobs by a task": lambda desk: turn(desk, LOOSER, by=None),
    "looser beside tighter": lambda desk: turn(desk, {**TIGHTER, "cooldown_candles": 2}),
    "agreed to by oneself": lambda desk: turn(desk, LOOSER, agreed=[desk.asker]),
    "agreed to by the same admin": lambda desk: turn(
        desk, LOOSER, by=desk.approver, agreed=[desk.approver, desk.approver]
    ),
    "agreed to by an operator": lambda desk: turn(
        desk, LOOSER, agreed=[make_user("operator", "b")]
    ),
    "agreed to by a viewer": lambda desk: turn(desk, LOOSER, agreed=[make_user("viewer", "v")]),
    "the bot": lambda desk: services.update_bot(
        bot_id=desk.bot.pk, changes={"knobs": LOOSER, "name": "B"}, by=desk.asker, now=desk.now
    ),
    "the account's amounts": lambda desk: limit(desk, max_exposure=D(10**11)),
    "the account's symbols": lambda desk: limit(desk, symbols=[*desk.account.symbols, "SOL/USDT"]),
    "the account": lambda desk: services.update_account(
        account_id=desk.account.pk,
        changes={"enabled": False, "max_exposure": D(10**11)},
        by=desk.approver,
        now=desk.now,
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_no_door_loosens_a_limit_of_real_money_alone(desk: LiveDesk, door: str) -> None:
    before = (knobs_of(desk), limits_of(desk), Bot.objects.get(pk=desk.bot.pk).name)

    with pytest.raises(LimitsNeedApproval):
        DOORS[door](desk)

    assert (knobs_of(desk), limits_of(desk), Bot.objects.get(pk=desk.bot.pk).name) == before
    assert ExchangeAccount.objects.get(pk=desk.account.pk).enabled


def limits_of(desk: LiveDesk) -> tuple[Any, ...]:
    row = ExchangeAccount.objects.get(pk=desk.account.pk)
    return (row.symbols, row.max_order, row.max_exposure)


def test_the_refusal_names_each_looser_limit_as_it_was_and_as_it_was_wanted(
    desk: LiveDesk,
) -> None:
    with pytest.raises(LimitsNeedApproval) as refused:
        turn(desk, {**LOOSER, "max_daily_loss": "0.01"})

    assert refused.value.fields == {"max_exposure": ["0.5 -> 0.9"], "cooldown_candles": ["3 -> 0"]}
    assert "another person" in refused.value.detail


def test_with_another_person_it_is_set_in_the_name_of_who_asked(desk: LiveDesk) -> None:
    turn(desk, LOOSER, agreed=[desk.approver])
    limit(desk, max_exposure=D(10**11), by=desk.approver, agreed=[make_user("admin", "second")])

    assert knobs_of(desk)["max_exposure"] == "0.9"
    turned = AuditEvent.objects.filter(action="bot.knobs_changed").latest("seq")
    assert (turned.actor, turned.reason) == (desk.asker.get_username(), f"agreed: {desk.approver}")
    assert AuditEvent.objects.get(action="account.limits_set").reason == "agreed: second"


def test_what_is_tighter_or_loosens_nothing_holds_at_once(desk: LiveDesk) -> None:
    turn(desk, {**TIGHTER, "fee_maker_bps": 99})
    turn(desk, knobs_of(desk))
    limit(desk, max_order=D(1), symbols=[])

    assert knobs_of(desk)["max_daily_loss"] == "0.01"
    assert limits_of(desk)[:2] == ([], D(1))


def test_paper_bots_and_accounts_without_a_live_bot_are_set_alone(desk: LiveDesk) -> None:
    other = make_account(name="spare")
    services.set_account_limits(
        account_id=other.pk,
        symbols=["BTC/USDT"],
        max_order=D(10**9),
        max_exposure=D(10**9),
        by=desk.approver,
        now=desk.now,
    )
    services.bring_to_paper(bot_id=desk.bot.pk, by=desk.asker, now=desk.now)

    turn(desk, LOOSER)
    limit(desk, max_exposure=D(10**11))

    assert knobs_of(desk)["cooldown_candles"] == 0


def test_as_many_different_people_as_the_policy_says(desk: LiveDesk) -> None:
    services.set_limits_need(people=2)
    second = make_user("admin", "second")
    with pytest.raises(LimitsNeedApproval, match="2 other people"):
        turn(desk, LOOSER, agreed=[desk.approver, desk.approver])

    turn(desk, LOOSER, agreed=[desk.approver, second])
    services.set_limits_need(people=0)
    turn(desk, {"max_exposure": "1"})

    assert knobs_of(desk)["max_exposure"] == "1"


def test_who_lost_the_right_since_agreed_to_nothing(desk: LiveDesk) -> None:
    desk.approver.is_active = False
    desk.approver.save()

    with pytest.raises(LimitsNeedApproval):
        turn(desk, LOOSER, agreed=[User.objects.get(pk=desk.approver.pk)])


def test_one_other_person_is_the_start_and_what_holds_without_a_row(desk: LiveDesk) -> None:
    assert services.limits_need() == 1
    SystemState.objects.all().delete()
    assert services.limits_need() == 1
    services.ensure_system_state(now=desk.now)
    assert services.limits_need() == 1


def test_a_wrong_limit_is_wrong_before_it_is_looser(desk: LiveDesk) -> None:
    with pytest.raises(KnobsInvalid):
        turn(desk, {"max_exposure": "2"})
    with pytest.raises(AccountInvalid):
        limit(desk, max_order=D(10**13))
    with pytest.raises(AccountInvalid):
        limit(desk, symbols=["BTC/USDT", "BTC/EUR"])


def test_knobs_of_an_older_console_are_weighed_as_they_are_read(desk: LiveDesk) -> None:
    stored = knobs_of(desk)
    Bot.objects.filter(pk=desk.bot.pk).update(
        knobs={name: value for name, value in stored.items() if name != "protection"}
    )
    with pytest.raises(LimitsNeedApproval):
        turn(desk, {"protection": "software"})
