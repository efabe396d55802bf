"""The gap between a bot and its shadow, piece by piece."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

from hypothesis import given, settings
from hypothesis import strategies as st

from trading.drift import Filled, Side, Signal, compare, pnl_of

BUY = Filled("BTC", "BUY", decided_ms=60, bar_ms=60, qty=D(2), price=D(100), fee=D("0.2"))
SELL = Filled("BTC", "SELL", decided_ms=120, bar_ms=120, qty=D(2), price=D(110), fee=D("0.22"))
MARKS = {"BTC": D(110)}


def side(*fills: Filled, mark: D = D(110)) -> Side:
    return Side(signals=(), fills=fills, marks={"BTC": mark})


def test_the_same_fills_are_no_drift() -> None:
    drift = compare(side(BUY, SELL), side(BUY, SELL))

    assert not any((drift.price, drift.fee, drift.missed, drift.timing))
    assert drift.gap == 0
    assert drift.fill_bps == 0


def test_a_dearer_buy_in_the_same_bar_is_price() -> None:
    drift = compare(side(replace(BUY, price=D(101))), side(BUY))

    assert drift.price == drift.gap == -2
    assert drift.fill_bps == 100


def test_another_fee_is_fee() -> None:
    drift = compare(side(replace(BUY, fee=D("0.5"))), side(BUY))

    assert drift.fee == drift.gap == D("-0.3")


def test_a_fill_that_only_the_shadow_has_is_missed_with_its_fee() -> None:
    drift = compare(side(), side(BUY))

    assert drift.missed == drift.gap == D("-19.8")
    assert drift.unmatched == (("BTC", "BUY", 60),)
    assert drift.fill_bps is None


def test_the_same_decision_filled_in_a_later_bar_is_timing() -> None:
    drift = compare(side(replace(BUY, bar_ms=120, price=D(103))), side(BUY))

    assert drift.timing == drift.gap == -6


def test_another_last_price_of_what_is_held_is_timing() -> None:
    drift = compare(side(BUY, mark=D(111)), side(BUY))

    assert drift.timing == drift.gap == 2


def test_a_smaller_fill_of_the_same_decision_is_missed() -> None:
    drift = compare(side(replace(BUY, qty=D(1))), side(BUY))

    assert drift.missed == drift.gap == -10


def test_signals_that_differ_and_those_that_are_missing_are_counted() -> None:
    bot = Side([Signal("BTC", 1, 1.0), Signal("BTC", 2, None)], (), {})
    shadow = Side([Signal("BTC", 1, 0.0), Signal("BTC", 2, None), Signal("BTC", 3, 1.0)], (), {})

    drift = compare(bot, shadow)

    assert (drift.decisions, drift.mismatches) == (3, 2)
    assert [(each.close_ms, each.missing) for each in drift.examples] == [(1, ""), (3, "bot")]


amounts = st.decimals("0.00000001", "100000", places=8)
fills = st.builds(
    Filled,
    symbol=st.sampled_from(["BTC", "ETH"]),
    side=st.sampled_from(["BUY", "SELL"]),
    decided_ms=st.sampled_from([60, 120, 180]),
    bar_ms=st.sampled_from([60, 120, 180]),
    qty=amounts,
    price=amounts,
    fee=amounts,
)
sides = st.builds(
    Side,
    signals=st.just(()),
    fills=st.lists(fills, max_size=12),
    marks=st.fixed_dictionaries({"BTC": amounts, "ETH": amounts}),
)


@settings(max_examples=400, deadline=None)
@given(bot=sides, shadow=sides)
def test_the_parts_add_up_to_the_gap_exactly(bot: Side, shadow: Side) -> None:
    drift = compare(bot, shadow)

    assert drift.price + drift.fee + drift.missed + drift.timing == drift.gap
    assert drift.gap == pnl_of(bot) - pnl_of(shadow)


@given(bot=sides, shadow=sides)
def test_seen_from_the_other_side_the_parts_change_their_sign(bot: Side, shadow: Side) -> None:
    same_marks = replace(shadow, marks=bot.marks)
    there, back = compare(bot, same_marks), compare(same_marks, bot)

    assert (there.price, there.fee, there.missed) == (-back.price, -back.fee, -back.missed)
    assert there.timing == -back.timing
