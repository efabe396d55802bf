"""The paper market: what fills, at which price, and never kinder than the market."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trading.values import filters, terms
from trading.costs import fee
from trading.paper_market import Execution, Market, Resting, execute

D = Decimal
FREE = terms(
    fee_maker_bps="0", fee_taker_bps="0", half_spread_bps="0", slippage_bps="0", volume_cap="1"
)
RICH = D(1_000_000)


def bar(
    open_: str = "100", high: str = "110", low: str = "90", close: str = "105", volume: str = "10"
) -> Market:
    return Market(0, D(open_), D(high), D(low), D(close), D(volume))


def quote(last: str = "100", bid: str | None = "99.5", ask: str | None = "100.5") -> Market:
    sellable = D(bid or last)
    return Market(
        at_ms=0,
        open=D(last),
        high=sellable,
        low=sellable,
        close=D(last),
        volume=D(10),
        bid=None if bid is None else D(bid),
        ask=None if ask is None else D(ask),
    )


def order(
    buy: bool = True,
    kind: str = "MARKET",
    qty: str = "1",
    price: str | None = None,
    rested: bool = False,
    triggered: bool = False,
) -> Resting:
    return Resting(buy, kind, D(qty), None if price is None else D(price), rested, triggered)


def fill(
    resting: Resting, market: Market, *, cash: Decimal = RICH, already: str = "0", free: bool = True
) -> Execution | None:
    return execute(
        order=resting,
        market=market,
        terms=FREE if free else terms(),
        filters=filters(),
        buying_power=cash,
        already=D(already),
    )


def price_of(execution: Execution | None) -> Decimal | None:
    return None if execution is None else execution.price


@pytest.mark.parametrize(
    ("resting", "market", "price"),
    [
        # A market order takes the open, or the side of the quote that is against it.
        (order(), bar(), "100"),
        (order(buy=False), bar(), "100"),
        (order(), quote(), "100.5"),
        (order(buy=False), quote(), "99.5"),
        (order(), quote(ask=None, bid=None), "100"),
        # A limit that is touched is not filled; one that is passed through is, at its price.
        (order(kind="LIMIT", price="90"), bar(), None),
        (order(kind="LIMIT", price="90.01"), bar(), "90.01"),
        (order(False, "LIMIT", price="110"), bar(), None),
        (order(False, "LIMIT", price="109.99"), bar(), "109.99"),
        # One that is marketable when it comes takes the open, one that was there gets no gift.
        (order(kind="LIMIT", price="101"), bar(), "100"),
        (order(kind="LIMIT", price="101", rested=True), bar(), "101"),
        (order(False, "LIMIT", price="99"), bar(), "100"),
        (order(False, "LIMIT", price="99", rested=True), bar(), "99"),
        (order(kind="LIMIT", price="100.5"), quote(), "100.5"),
        (order(kind="LIMIT", price="100.5", rested=True), quote(), None),
        (order(kind="LIMIT", price="100.51", rested=True), quote(), "100.51"),
        (order(False, "LIMIT", price="99.5", rested=True), quote(), None),
        (order(False, "LIMIT", price="99.49", rested=True), quote(), "99.49"),
        # A stop fills at its trigger, over a gap at the open, once triggered at the open.
        (order(False, "STOP_MARKET", price="89.99"), bar(), None),
        (order(False, "STOP_MARKET", price="90"), bar(), "90"),
        (order(False, "STOP_MARKET", price="95"), bar(), "95"),
        (order(False, "STOP_MARKET", price="102"), bar(), "100"),
        (order(False, "STOP_MARKET", price="80", triggered=True), bar(), "100"),
        (order(False, "STOP_MARKET", price="99.6"), quote(), "99.5"),
    ],
)
def test_the_price_of_a_fill(resting: Resting, market: Market, price: str | None) -> None:
    assert price_of(fill(resting, market)) == (None if price is None else D(price))


@pytest.mark.parametrize(
    ("resting", "market", "maker"),
    [
        (order(), bar(), False),
        (order(kind="LIMIT", price="101"), bar(), False),
        (order(kind="LIMIT", price="95"), bar(), True),
        (order(kind="LIMIT", price="101", rested=True), bar(), True),
        # It crosses the spread as it comes, so it takes, though slippage made it miss the price.
        (order(kind="LIMIT", price="100.51"), quote(), False),
        (order(kind="LIMIT", price="100.01"), bar(), False),
        (order(False, "LIMIT", price="99.49"), quote(), False),
        (order(False, "LIMIT", price="99.99"), bar(), False),
        (order(False, "STOP_MARKET", price="95"), bar(), False),
    ],
)
def test_only_an_order_that_waited_for_the_price_is_a_maker(
    resting: Resting, market: Market, maker: bool
) -> None:
    execution = fill(resting, market, free=False)

    assert execution
    assert execution.maker == maker


def test_costs_move_the_price_against_the_order() -> None:
    bought, sold = fill(order(), bar(), free=False), fill(order(buy=False), bar(), free=False)

    assert price_of(bought) == D("100.03")
    assert price_of(sold) == D("99.97")


@pytest.mark.parametrize(
    ("volume", "already", "filled"),
    [
        ("10", "0", "1"),
        ("5", "0", "0.5"),
        ("5", "0.2", "0.3"),
        ("5", "0.5", None),
        ("0", "0", None),
    ],
)
def test_an_order_takes_at_most_its_share_of_the_volume(
    volume: str, already: str, filled: str | None
) -> None:
    execution = fill(order(), bar(volume=volume), already=already, free=False)

    assert (None if execution is None else execution.qty) == (None if filled is None else D(filled))


def test_a_buy_is_cut_to_what_the_cash_pays_with_the_fee() -> None:
    execution = fill(order(qty="10"), bar(volume="1000"), cash=D("500.66"), free=False)

    assert execution
    assert execution.qty == D("5")
    assert execution.qty * execution.price + execution.fee == D("500.65015")


def test_a_limit_order_without_a_price_is_a_bug() -> None:
    with pytest.raises(ValueError, match="has a price"):
        fill(order(kind="LIMIT"), bar())


PRICES = st.decimals("0.01", "100000", places=2)
LEVELS = st.lists(PRICES, min_size=4, max_size=4).map(sorted)
KINDS = st.sampled_from(["MARKET", "LIMIT", "STOP_MARKET"])


@st.composite
def markets(draw: st.DrawFn) -> Market:
    low, first, second, high = draw(LEVELS)
    open_, close = draw(st.permutations([first, second]))
    volume = draw(st.decimals("0", "1000", places=3))
    return Market(0, open_, high, low, close, volume)


@given(
    market=markets(),
    buy=st.booleans(),
    kind=KINDS,
    price=PRICES,
    qty=st.decimals("0.001", "1000", places=3),
    rested=st.booleans(),
    cash=st.decimals("0", "100000", places=4),
    costs=st.booleans(),
)
def test_no_fill_is_kinder_than_the_market(
    market: Market,
    buy: bool,
    kind: str,
    price: Decimal,
    qty: Decimal,
    rested: bool,
    cash: Decimal,
    costs: bool,
) -> None:
    resting = Resting(buy, kind, qty, price, rested, triggered=False)

    done = fill(resting, market, cash=cash, free=not costs)

    if done is None:
        return
    cap = (terms() if costs else FREE).volume_cap
    assert 0 < done.qty <= min(qty, cap * market.volume)
    assert done.qty % filters().qty_step == 0
    assert done.price % filters().price_tick == 0
    assert done.price >= market.low if buy else done.price <= market.high
    if kind == "LIMIT":
        assert done.price <= price if buy else done.price >= price
    if buy:
        assert done.qty * done.price + done.fee <= cash
    bps = D(10) if costs else D(0)
    assert done.fee == fee(qty=done.qty, price=done.price, bps=bps)


@given(market=markets(), buy=st.booleans(), kind=KINDS, price=PRICES)
def test_costs_never_make_a_fill_better_or_more_likely(
    market: Market, buy: bool, kind: str, price: Decimal
) -> None:
    resting = Resting(buy, kind, D(1), price, rested=False, triggered=False)
    market = replace(market, volume=D(1000))

    free, paid = fill(resting, market), fill(resting, market, free=False)

    if paid is not None:
        assert free is not None
        assert paid.price >= free.price if buy else paid.price <= free.price
