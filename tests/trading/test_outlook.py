"""What bots would do with another version, before anybody agrees to it."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import numpy as np
import pytest

from config import clock
from strategies.models import StrategyVersion
from tests.strategies.factories import make_version
from tests.trading.factories import (
    BAR_MS,
    NOW,
    bars,
    make_account,
    make_bot,
    make_candles,
    make_order,
    make_position,
    make_symbol,
)
from trading import tear_sheet
from trading.models import Bot, DecisionRecord, Order, OrderIntent, SystemState
from trading.models.bots import BotSymbol
from trading.outlook import BotOutlook
from trading.services import outlook_of

pytestmark = pytest.mark.django_db
CLOSE = clock.to_ms(NOW)
# Rose until four bars ago and fell since: the slow average is still above, the quick one is not.
TURNED = [100.0 + index * 0.1 for index in range(2_400)]
TURNED += [TURNED[-1] - index * 0.25 for index in range(1, 5)]


def versions() -> tuple[StrategyVersion, StrategyVersion]:
    """One that still is in the market at the end of TURNED, and one that left it."""
    slow = make_version("trend_ema", fast=20, slow=60)
    return slow, make_version("trend_ema", fast=2, slow=5)


def follower(*, on: int = 0, **given: Any) -> Bot:
    """A bot on the slow version (0) or on the quick one (1)."""
    symbol = make_symbol()
    rows = bars(TURNED, start_ms=CLOSE - len(TURNED) * BAR_MS)
    make_candles(symbol, rows)
    bot = make_bot(symbol, version=versions()[on], **given)
    Bot.objects.filter(pk=bot.pk).update(follows_active=True)
    return bot


def told(active: StrategyVersion, candidate: StrategyVersion) -> list[BotOutlook]:
    return outlook_of(candidate=candidate, active=active, now=NOW)


def test_a_bot_that_holds_would_sell_where_the_candidate_is_out() -> None:
    bot = follower(knobs={"fee_taker_bps": 10})
    make_position(bot, "20", "150")
    slow, quick = versions()

    (seen,) = told(slow, quick)

    (lane,) = seen.symbols
    price = D(str(TURNED[-1]))
    assert (lane.close_ms, lane.price, lane.qty) == (CLOSE, price, D(20))
    assert (lane.active.target, lane.active.side, lane.active.reason) == (1.0, "", "already_long")
    assert (lane.candidate.target, lane.candidate.side) == (0.0, "SELL")
    assert (lane.candidate.qty, lane.candidate.worth) == (D(20), 20 * price)
    assert lane.candidate.fee == 20 * price / 1000
    assert seen.equity == 10_000 - 20 * 150 + 20 * price
    assert seen.exposure == seen.exposure_active == 20 * price / seen.equity
    assert seen.exposure_candidate == 0


def test_a_flat_bot_would_buy_within_its_limits() -> None:
    follower(on=1, knobs={"max_exposure": "0.5", "max_position": "0.25", "slippage_bps": 10})
    slow, quick = versions()

    (seen,) = told(quick, slow)

    (lane,) = seen.symbols
    assert (lane.active.side, lane.active.reason) == ("", "flat_no_signal")
    assert (lane.candidate.side, lane.candidate.wanted) == ("BUY", D(10_000))
    assert lane.candidate.worth is not None
    assert D(2_490) < lane.candidate.worth <= D(2_500)
    assert (seen.max_exposure, seen.max_position) == (D("0.5"), D("0.25"))
    assert seen.exposure == 0
    assert seen.exposure_candidate is not None
    assert D("0.24") < seen.exposure_candidate <= D("0.25")


def test_what_the_rules_refuse_is_no_order() -> None:
    follower(on=1)
    slow, quick = versions()
    SystemState.objects.update(state="EMERGENCY_STOP")

    (seen,) = told(quick, slow)

    wish = seen.symbols[0].candidate
    assert (wish.side, wish.denied, wish.reason) == ("BUY", True, "trading_halted")
    assert (wish.qty, wish.worth, wish.fee) == (None, None, None)
    assert seen.exposure_candidate == 0


def test_the_second_symbol_finds_what_the_first_one_left() -> None:
    bot = follower(on=1, knobs={"max_exposure": "0.6"})
    other = make_symbol("ETH/USDT")
    make_candles(other, bars(TURNED, start_ms=CLOSE - len(TURNED) * BAR_MS))
    BotSymbol.objects.create(bot=bot, symbol=other, rank=1, decided_ms=0)
    slow, quick = versions()

    (seen,) = told(quick, slow)

    first, second = (lane.candidate.worth for lane in seen.symbols)
    assert first is not None
    assert second is not None
    assert D(4_990) < first <= D(5_000)  # half of the equity is its share
    assert D(5_990) < first + second <= D(6_000)  # and the limit holds for both


def test_an_order_that_works_is_waited_for() -> None:
    bot = follower(on=1)
    order = make_order(bot, type="LIMIT", price="50")
    OrderIntent.objects.filter(pk=order.intent_id).update(reason="signal_enter")
    slow, quick = versions()

    (seen,) = told(quick, slow)

    wish = seen.symbols[0].candidate
    assert (wish.side, wish.reason, wish.target, wish.qty) == ("", "order_pending", 1.0, None)


def test_too_few_candles_are_no_opinion_and_none_at_all_is_unknown() -> None:
    bot = make_bot(make_symbol(), version=versions()[0])
    Bot.objects.filter(pk=bot.pk).update(follows_active=True)
    slow, quick = versions()

    (seen,) = told(slow, quick)
    assert (seen.equity, seen.exposure, seen.symbols) == (None, None, ())
    assert "No closed candle" in seen.missing

    make_candles(make_symbol(), bars([100.0] * 10, start_ms=CLOSE - 10 * BAR_MS))
    (seen,) = told(slow, quick)
    wish = seen.symbols[0].candidate
    assert (wish.target, wish.wanted, wish.reason, wish.qty) == (None, None, "warmup", None)


def test_only_bots_that_would_take_it_are_asked() -> None:
    bot = follower()
    slow, quick = versions()

    assert len(told(slow, quick)) == 1
    assert told(quick, slow) == []  # it runs the candidate already
    Bot.objects.filter(pk=bot.pk).update(paper_mode=False, account=make_account())
    assert told(slow, quick) == []
    Bot.objects.filter(pk=bot.pk).update(paper_mode=True, account=None, follows_active=False)
    assert told(slow, quick) == []


def test_looking_writes_nothing() -> None:
    bot = follower(on=1)
    before = Bot.objects.filter(pk=bot.pk).values().get()
    slow, quick = versions()

    told(quick, slow)

    assert Bot.objects.filter(pk=bot.pk).values().get() == before
    assert not Order.objects.exists()
    assert not DecisionRecord.objects.exists()


def test_exposure_of_a_run_is_told_by_four_figures() -> None:
    shares = np.array([0.0, 0.0, 0.2, 0.4, 1e-13])

    told = tear_sheet._exposure(shares)

    assert told["mean"] == pytest.approx(0.12)
    assert told["p95"] == pytest.approx(0.36)  # four fifths of the way from the 4th to the 5th
    assert (told["most"], told["in_market"]) == (0.4, 0.4)
    assert tear_sheet._exposure(shares[:0]) == {}


def test_without_time_it_says_so() -> None:
    follower()
    slow, quick = versions()

    (seen,) = outlook_of(candidate=quick, active=slow, now=NOW, budget_s=-1.0)

    assert seen.missing == "There was no time to look at it."
    assert seen.to_json()["equity"] is None
