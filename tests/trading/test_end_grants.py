"""A grant ends, and with it what it allowed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal as D

import pytest
from pytest_django import Settings

from tests.trading.factories import make_account, make_order, make_position
from tests.trading.live_desk import LiveDesk, actions, make_live_desk, set_env
from trading import services
from trading.errors import (
    AccountInUse,
    BotIsLive,
    BotIsPaper,
    BotNotFlat,
    GrantNotOpen,
    LiveModeOff,
    LiveNotGranted,
)
from trading.models import Bot, Confirmation, Order, Position
from trading.order_state import OrderStatus
from trading.queries import readiness

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(settings: Settings) -> LiveDesk:
    return make_live_desk(settings)


class TestEnd:
    def test_a_revoked_grant_lets_nothing_be_bought(self, desk: LiveDesk) -> None:
        grant = desk.go_live()
        services.revoke_grant(grant_id=grant.pk, reason="odd", by=desk.asker, now=desk.at(hours=1))
        with pytest.raises(LiveNotGranted):
            services.start_bot(bot_id=desk.bot.pk, by=None, now=desk.at(hours=1))
        with pytest.raises(GrantNotOpen):
            services.revoke_grant(grant_id=grant.pk, reason="", by=desk.asker, now=desk.now)
        assert actions()[-1] == "grant.revoked"

    def test_an_expiry_is_told_of_once(self, desk: LiveDesk) -> None:
        desk.go_live()
        assert services.end_grants(now=desk.at(hours=23)) == 0
        assert services.end_grants(now=desk.at(hours=24)) == 1
        assert services.end_grants(now=desk.at(hours=25)) == 0
        assert actions().count("grant.expired") == 1
        gates = {gate.name: gate for gate in readiness(desk.at(hours=25))}
        assert not gates["live_grants"].ok

    def test_a_live_bot_starts_under_its_grant_only(
        self, desk: LiveDesk, settings: Settings
    ) -> None:
        desk.go_live()
        with pytest.raises(LiveNotGranted):
            services.start_bot(bot_id=desk.bot.pk, by=None, now=desk.at(hours=24))
        set_env(settings, trading_live_mode=False)
        with pytest.raises(LiveModeOff):
            services.start_bot(bot_id=desk.bot.pk, by=None, now=desk.now)
        set_env(settings, trading_live_mode=True)
        services.start_bot(bot_id=desk.bot.pk, by=None, now=desk.now)
        assert Bot.objects.get(pk=desk.bot.pk).is_running

    def test_back_to_paper_ends_the_grant(self, desk: LiveDesk) -> None:
        grant = desk.go_live()
        bot = services.bring_to_paper(bot_id=desk.bot.pk, by=desk.asker, now=desk.now)
        grant.refresh_from_db()
        assert (bot.paper_mode, bot.account, grant.revoke_reason) == (True, None, "back to paper")
        with pytest.raises(BotIsPaper):
            services.bring_to_paper(bot_id=desk.bot.pk, by=desk.asker, now=desk.now)

    def test_a_bot_that_holds_or_works_stays_live(self, desk: LiveDesk) -> None:
        desk.go_live()
        order = make_order(desk.bot, status=OrderStatus.UNKNOWN, qty="0.01")
        assert order.account == desk.account
        with pytest.raises(BotNotFlat):
            services.bring_to_paper(bot_id=desk.bot.pk, by=desk.asker, now=desk.now)
        Order.objects.update(status=OrderStatus.NOT_SENT)
        make_position(desk.bot, "0.01", "40000")
        with pytest.raises(BotNotFlat):
            services.bring_to_paper(bot_id=desk.bot.pk, by=desk.asker, now=desk.now)

    def test_what_nobody_can_sell_keeps_no_bot_live(self, desk: LiveDesk) -> None:
        desk.go_live()
        bought(desk, "0.0001009")  # 4.2 USDT at 42,000: below the least that may be sold
        services.bring_to_paper(bot_id=desk.bot.pk, by=desk.asker, now=desk.now)
        assert Bot.objects.get(pk=desk.bot.pk).paper_mode
        assert Position.objects.get().qty == D("0.0001009")

    def test_dust_comes_along_to_its_own_account_only(self, desk: LiveDesk) -> None:
        desk.go_live()
        bought(desk, "0.000009")
        services.bring_to_paper(bot_id=desk.bot.pk, by=desk.asker, now=desk.now)
        other = make_account("other")
        with pytest.raises(BotNotFlat, match="flat"):
            desk.approve(desk.ask(account_id=other.pk))
        assert desk.approve(desk.ask()).state_at(desk.now) == "STANDING"

    def test_what_a_live_bot_trades_stays_as_it_was_granted(self, desk: LiveDesk) -> None:
        desk.go_live()
        with pytest.raises(BotIsLive):
            services.update_bot(
                bot_id=desk.bot.pk, changes={"timeframe": "1h"}, by=desk.asker, now=desk.now
            )
        services.update_bot(
            bot_id=desk.bot.pk, changes={"name": "Other"}, by=desk.asker, now=desk.now
        )

    def test_an_account_that_a_live_bot_needs_is_not_removed(self, desk: LiveDesk) -> None:
        desk.go_live()
        with pytest.raises(AccountInUse):
            services.remove_account(account_id=desk.account.pk, by=desk.approver, now=desk.now)


def bought(desk: LiveDesk, qty: str) -> None:
    """By a live order that ended."""
    make_position(desk.bot, qty, "40000")
    Order.objects.update(status=OrderStatus.FILLED)


def test_proofs_that_count_no_longer_are_forgotten(desk: LiveDesk) -> None:
    for via, minutes in (("token:1", 0), ("token:2", 59)):
        now = desk.now + timedelta(minutes=minutes)
        services.confirm_person(user=desk.asker, via=via, now=now)

    dropped = services.prune_confirmations(now=desk.now + timedelta(minutes=60))

    assert dropped == 1
    assert not Confirmation.objects.filter(via="token:1").exists()
    assert Confirmation.objects.filter(via="token:2").exists()
