"""Many live positions cost the watch as few questions as one, and are told apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.strategies.factories import forge_version
from tests.trading.factories import NOW, make_account, make_bot, make_order, make_position
from tests.trading.factories import make_symbol as symbol_named
from trading import services
from trading.models import AuditEvent, Bot, Order, Position, Protection
from trading.order_state import OrderStatus as S
from trading.services._guards import guard_prefix, guards_of_position, guards_of_positions
from trading.services._protection import watch_protection

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(seconds=60)


def positions(count: int, status: S) -> list[Position]:
    """Of live bots, each with a stop at the exchange in this state."""
    account = make_account()
    for number in range(count):
        symbol = symbol_named(f"S{number % 3}/USDT", exchange="binance")
        bot = make_bot(symbol, name=f"Bot {number}", params={"stop_loss": 0.02 + number / 1000})
        make_position(bot, "1", "100")
        Bot.objects.filter(pk=bot.pk).update(
            paper_mode=False, account=account, status=Bot.Status.RUNNING
        )
    held = list(Position.objects.order_by("bot_id"))
    for position in held:
        make_guard(position, status)
    return held


def make_guard(position: Position, status: S, number: int = 0) -> Order:
    assert position.opened_at is not None
    prefix = guard_prefix(position.bot_id, position.symbol_id, position.opened_at)
    return make_order(
        Bot.objects.get(pk=position.bot_id),
        status=status,
        side="SELL",
        type="STOP_MARKET",
        price="98",
        key=f"{prefix}{number}",
    )


def queries_of(watch: Callable[[], int]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert watch() == 0  # nothing is news
    return len(captured)


@pytest.mark.parametrize(("status", "most"), [(S.OPEN, 4), (S.REJECTED, 5)])
@pytest.mark.parametrize("count", [1, 20])
def test_a_quiet_second_asks_the_same_for_one_position_as_for_twenty(
    count: int, status: S, most: int
) -> None:
    positions(count, status)
    assert watch_protection(now=LATER) == count

    assert queries_of(lambda: watch_protection(now=LATER + timedelta(seconds=1))) == most


def test_each_position_is_judged_by_its_own_stop() -> None:
    covered, refused, partly, canceled = positions(4, S.OPEN)
    Order.objects.filter(bot=refused.bot_id, type="STOP_MARKET").update(
        status=S.REJECTED, reject_code="-2010"
    )
    Order.objects.filter(bot=partly.bot_id, type="STOP_MARKET").update(filled_qty=D("0.5"))
    Order.objects.filter(bot=canceled.bot_id, type="STOP_MARKET").update(
        status=S.CANCELED, sent_at=NOW
    )

    watch_protection(now=LATER)

    rows = {row.bot_id: (row.reason, row.detail) for row in Protection.objects.all()}
    assert rows == {
        covered.bot_id: ("", ""),
        refused.bot_id: ("refused", "-2010"),
        partly.bot_id: ("partly", ""),
        canceled.bot_id: ("canceled_outside", ""),
    }
    lost = AuditEvent.objects.filter(action="protection.lost").values_list("subject", flat=True)
    assert set(lost) == {f"bot:{refused.bot_id}", f"bot:{canceled.bot_id}"}


def test_a_bot_that_cant_be_read_is_told_of_and_hides_no_other() -> None:
    bare, covered, knobless, fine = positions(4, S.OPEN)
    for position in (bare, covered):
        forge_version(position.bot.version, params={"stop_loss": 0.5})
    Order.objects.filter(bot=bare.bot_id, type="STOP_MARKET").update(status=S.EXPIRED)
    Order.objects.filter(bot=knobless.bot_id, type="STOP_MARKET").update(filled_qty=D("0.5"))
    Bot.objects.filter(pk=knobless.bot_id).update(knobs={"max_exposure": "much"})

    services.tick(process="beat", now=LATER)

    rows = {
        row.bot_id: (row.state, row.reason, row.detail, row.watched)
        for row in Protection.objects.all()
    }
    assert rows == {
        bare.bot_id: ("UNPROTECTED", "unreadable", "STRATEGY_VERSION_CORRUPT", False),
        covered.bot_id: ("EXCHANGE", "", "", False),
        knobless.bot_id: ("UNPROTECTED", "unreadable", "KNOBS_INVALID", False),
        fine.bot_id: ("EXCHANGE", "", "", True),
    }
    lost = AuditEvent.objects.filter(action="protection.lost").values_list("subject", flat=True)
    assert set(lost) == {f"bot:{bare.bot_id}", f"bot:{knobless.bot_id}"}


def test_only_what_changed_is_written() -> None:
    first, second = positions(2, S.OPEN)
    watch_protection(now=LATER)
    Order.objects.filter(bot=second.bot_id, type="STOP_MARKET").update(status=S.REJECTED)

    assert watch_protection(now=LATER + timedelta(seconds=1)) == 1

    since = dict(Protection.objects.values_list("bot_id", "since"))
    assert since == {first.bot_id: LATER, second.bot_id: LATER + timedelta(seconds=1)}


def test_stops_of_many_positions_are_those_of_each() -> None:
    held = positions(3, S.REJECTED)
    for number in range(1, 25):
        make_guard(held[0], S.CANCELED, number)
    Position.objects.filter(pk=held[2].pk).update(opened_at=NOW + timedelta(seconds=9))
    held[2].refresh_from_db()

    found = guards_of_positions(held)

    for each in held:
        pair = each.bot_id, each.symbol_id
        assert found[pair] == guards_of_position(*pair, each.opened_at)
    assert [len(guards) for guards in found.values()] == [20, 1, 0]
