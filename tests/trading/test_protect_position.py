"""Protective exits of a replay, and what they do to orders that still work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from config import clock
from tests.trading.factories import (
    BAR_MS,
    MIDNIGHT_MS,
    QUICK,
    QUICK_WARMUP,
    bars,
    make_order,
    make_replay,
    run,
)
from trading.models import Bot, DecisionRecord, Fill, Order, Trade
from trading.order_state import OrderStatus

pytestmark = pytest.mark.django_db

D = Decimal


def replay(
    closes: Sequence[float],
    *,
    volume: float = 1000,
    knobs: Mapping[str, Any] | None = None,
    low: Mapping[int, float] | None = None,
    high: Mapping[int, float] | None = None,
    volumes: Mapping[int, float] | None = None,
    **exits: float,
) -> Bot:
    """Buy and hold with these exits, to the end."""
    rows = bars(closes, volume=volume, low=low or {}, high=high or {})
    if volumes:
        rows = [(*row[:5], volumes.get(index, row[5])) for index, row in enumerate(rows)]
    return run(make_replay(rows=rows, params=exits, knobs=knobs))


def sold(bot: Bot) -> list[tuple[int, Decimal, Decimal]]:
    return [
        ((clock.to_ms(fill.at) - MIDNIGHT_MS) // BAR_MS, fill.qty, fill.price)
        for fill in Fill.objects.filter(bot=bot, side="SELL").order_by("id")
    ]


def reasons(bot: Bot) -> list[str]:
    rows = DecisionRecord.objects.filter(bot=bot).order_by("candle_close_ms")
    return list(rows.values_list("reason", flat=True))


def test_a_stop_sells_at_its_level_in_the_bar_that_reached_it() -> None:
    bot = replay([100.0, 100, 100], low={2: 94}, stop_loss=0.05)

    assert sold(bot) == [(2, D(100), D(95))]
    assert reasons(bot) == ["signal_enter", "already_long", "stop_loss"]
    assert Trade.objects.get(bot=bot).exit_reason == "stop_loss"


def test_a_stop_in_the_very_bar_of_the_entry_counts() -> None:
    assert sold(replay([100.0, 100, 100], low={1: 94}, stop_loss=0.05)) == [(1, D(100), D(95))]


def test_a_gap_through_the_stop_sells_at_the_open() -> None:
    bot = run(
        make_replay(
            rows=bars([100.0, 100, 80, 80], open={2: 85.0}, high={2: 85.0}),
            params={"stop_loss": 0.05},
        )
    )

    assert sold(bot)[0] == (2, D(100), D(85))


def test_a_profit_target_sells_at_its_level() -> None:
    bot = replay([100.0, 100, 100, 100], high={2: 106}, take_profit=0.05)

    assert sold(bot)[0] == (2, D(100), D(105))
    assert reasons(bot)[2] == "take_profit"


def test_of_stop_and_target_in_one_bar_the_stop_came_first() -> None:
    bot = replay([100.0, 100, 100], low={2: 90}, high={2: 110}, stop_loss=0.05, take_profit=0.05)

    assert sold(bot) == [(2, D(100), D(95))]


def test_a_trailing_stop_follows_the_highs_before_the_bar() -> None:
    bot = replay([100.0, 100, 120, 120, 107], high={4: 150}, trailing=0.1)

    assert sold(bot)[0] == (4, D(100), D(108))


def test_the_trailing_level_keeps_the_highs_between_partial_fills() -> None:
    closes = [100.0, 100, 100, 100, 100]

    bot = replay(closes, volume=30, high={1: 150.0, 2: 150.0}, trailing=0.3)

    # Bars 1 and 2 reached 150 while the entry was still filling: 105 is left at once.
    assert sold(bot)[0][0] == 2
    assert Order.objects.filter(bot=bot, type="STOP_MARKET").first()


def test_a_stop_cancels_what_was_not_bought_yet() -> None:
    bot = replay([100.0, 100, 100, 94, 94, 94], volume=30, stop_loss=0.05)

    entry = Order.objects.filter(bot=bot, side="BUY").earliest("id")
    assert entry.status == OrderStatus.CANCELED
    assert entry.filled_qty == 90
    assert sum(qty for _, qty, _ in sold(bot)) == 90


def test_the_rest_of_a_profit_target_does_not_switch_off_the_stop() -> None:
    closes = [100.0, 100, 100, 100, 90, 90]

    bot = replay(closes, high={2: 106}, volumes={2: 10}, stop_loss=0.05, take_profit=0.05)

    assert sold(bot)[:2] == [(2, D(10), D(105)), (4, D(90), D(95))]
    target = Order.objects.get(bot=bot, type="LIMIT", status=OrderStatus.CANCELED)
    assert target.filled_qty == 10


def test_the_rest_of_a_profit_target_gives_way_to_a_signal_to_leave() -> None:
    closes = [100.0] * QUICK_WARMUP + [101.0, 103, 103, 104, 102, 100, 98, 97, 96]
    rows = bars(closes, high={QUICK_WARMUP + 3: 111})
    rows[QUICK_WARMUP + 3] = (*rows[QUICK_WARMUP + 3][:5], 10.0)

    bot = run(make_replay(rows=rows, strategy="sma_cross", params={**QUICK, "take_profit": 0.05}))

    assert [price > 105 for _, _, price in sold(bot)] == [True, False]
    assert Trade.objects.get(bot=bot).exit_reason == "signal_exit"


def test_a_stop_without_volume_goes_on_as_a_market_order() -> None:
    closes = [100.0, 100, 100, 110, 110]

    bot = replay(closes, low={2: 94}, volumes={2: 0}, stop_loss=0.05)

    assert sold(bot) == [(3, D(100), D(100))]


def test_a_persons_resting_sale_does_not_hold_back_the_stop() -> None:
    bot = make_replay([100.0, 100, 100, 90, 90], params={"stop_loss": 0.05})
    resting = make_order(
        bot, status=OrderStatus.OPEN, side="SELL", type="LIMIT", qty="100", price="200"
    )
    run(bot)

    resting.refresh_from_db()
    assert resting.status == OrderStatus.CANCELED
    assert sold(bot)[0] == (3, D(100), D(95))


def test_a_persons_resting_order_does_not_stop_the_bot_from_deciding() -> None:
    bot = make_replay([100.0] * 5)
    make_order(bot, status=OrderStatus.OPEN, type="LIMIT", qty="1", price="50")

    run(bot)

    assert reasons(bot)[:2] == ["signal_enter", "already_long"]


@pytest.mark.parametrize(("cooldown", "denied"), [(0, 0), (1, 0), (2, 1), (3, 2)])
def test_a_cooldown_lets_that_many_whole_candles_close_after_a_stop(
    cooldown: int, denied: int
) -> None:
    bot = replay([100.0] * 8, low={2: 94}, stop_loss=0.05, knobs={"cooldown_candles": cooldown})

    assert reasons(bot)[2:] == [
        "stop_loss",
        *["cooldown"] * denied,
        "signal_enter",
        *["already_long"] * (4 - denied),
    ]


def test_a_cooldown_counts_from_the_candle_in_which_an_exit_filled() -> None:
    closes = [100.0] * QUICK_WARMUP + [101.0, 103, 101, 99, 101, 103, 105, 107]

    bot = run(
        make_replay(closes, strategy="sma_cross", params=QUICK, knobs={"cooldown_candles": 2})
    )

    codes = reasons(bot)
    left = codes.index("signal_exit")
    assert codes[left + 1 : left + 4] == ["flat_no_signal", "cooldown", "signal_enter"]


def test_after_the_daily_loss_nothing_is_bought_until_the_next_day() -> None:
    closes = [100.0] * 2 + [90.0] * 300

    bot = replay(closes, stop_loss=0.05, knobs={"max_daily_loss": "0.04"})

    codes = reasons(bot)
    assert codes[2] == "stop_loss"
    assert set(codes[3:287]) == {"daily_loss_reached"}
    assert codes[287] == "signal_enter"  # the close at midnight opens the new day


def test_a_drawdown_from_the_peak_stops_entries() -> None:
    closes = [100.0, 100, 200, 200, 150, 150, 150]

    bot = replay(closes, trailing=0.2, knobs={"max_drawdown": "0.15"})

    assert reasons(bot)[4:] == ["trailing_stop", "drawdown_reached", "drawdown_reached"]


def test_costs_are_taken_on_both_sides() -> None:
    knobs = {"fee_taker_bps": 10, "half_spread_bps": 10, "slippage_bps": 10}

    bot = replay([100.0, 100, 100, 100], low={2: 90}, stop_loss=0.05, knobs=knobs)

    bought, sale = Fill.objects.filter(bot=bot).order_by("id")[:2]
    assert bought.price == D("100.20")
    assert sale.price == D("94.99")  # 5 % below the price paid, then 0.2 % of costs, on the tick
    assert sale.fee == sale.qty * sale.price / 1000
