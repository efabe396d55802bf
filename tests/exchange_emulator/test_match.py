"""The engine by itself: fees, stops, books, and books that add up whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.accounts import FeeIn
from tests.exchange.emulator import Emulator
from tests.exchange.orders import Kind, Order, Reason, Refusal, Side, Status, Wanted

D = Decimal
VENUES = pytest.mark.parametrize("venue", ["binance", "bybit"])


def stopped(venue: str = "binance", **config: Any) -> Emulator:
    """An emulator without a server, with a clock that stands."""
    return Emulator(venue, clock=lambda: 1_700_000_000_000, **config)


def wanted(emulator: Emulator, client_id: str, side: Side = Side.BUY, **fields: Any) -> Wanted:
    words = emulator.venue.by_hand | {"qty": "1"}
    base = {"account": "main", "symbol": "BTCUSDT", "kind": Kind.LIMIT, "words": words}
    return Wanted(**base | {"side": side, "client_id": client_id} | fields)


def place(emulator: Emulator, client_id: str, side: Side = Side.BUY, **fields: Any) -> Order:
    return emulator.engine.place(wanted(emulator, client_id, side, **fields))


def test_the_fee_is_taken_from_what_is_received() -> None:
    emulator = stopped()

    bought = place(emulator, "buy", kind=Kind.MARKET, qty=D("0.1"))
    sold = place(emulator, "sell", Side.SELL, kind=Kind.MARKET, qty=D("0.1"))

    assert bought.fees() == {"BTC": D("0.0001")}
    assert sold.fees() == {"USDT": D("4.20005")}
    assert emulator.account.balance("BTC").total == D("0.9999")


def test_the_fee_may_be_taken_in_quote_and_is_locked_before() -> None:
    emulator = stopped()
    emulator.account.fee_in = FeeIn.QUOTE

    order = place(emulator, "buy", qty=D("0.1"), price=D(40_000))
    assert emulator.account.balance("USDT").locked == D(4_004)
    emulator.set_price("BTCUSDT", 39_000)

    assert order.fees() == {"USDT": D(4)}
    assert emulator.account.balance("USDT").total == D(95_996)


def test_the_fee_may_be_taken_in_a_third_asset_while_there_is_any() -> None:
    emulator = stopped()
    emulator.account.fee_in = FeeIn.THIRD
    emulator.deposit("BNB", "0.01")
    emulator.set_price("BNBUSDT", 500)
    emulator.set_price("BTCUSDT", 40_000)

    first = place(emulator, "buy-1", Side.SELL, kind=Kind.MARKET, qty=D("0.1"))
    second = place(emulator, "buy-2", Side.SELL, kind=Kind.MARKET, qty=D("0.1"))

    assert first.fees() == {"BNB": D("0.008")}
    assert second.fees() == {"USDT": D(4)}


def test_makers_and_takers_pay_their_own_rates() -> None:
    emulator = stopped()
    emulator.account.maker_rate, emulator.account.taker_rate = D(0), D("0.002")
    emulator.set_book("BTCUSDT", asks=[(40_000, "0.1")])

    order = place(emulator, "both", qty=D("0.3"), price=D(40_000))
    emulator.set_book("BTCUSDT", asks=[(39_000, "0.2")])

    assert [(fill.maker, fill.fee) for fill in order.fills] == [(False, D("0.0002")), (True, D(0))]
    assert order.status is Status.FILLED


def test_the_best_price_and_then_the_oldest_order_fills_first() -> None:
    emulator = stopped()
    for number, price in enumerate((40_000, 40_100, 40_100)):
        place(emulator, f"o{number}", qty=D("0.1"), price=D(price))

    emulator.set_book("BTCUSDT", asks=[(40_000, "0.25")])

    assert [order.filled for order in emulator.ledger.orders] == [D("0.05"), D("0.1"), D("0.1")]


def test_a_taker_gets_the_books_price_and_a_maker_its_own() -> None:
    emulator = stopped()

    taker = place(emulator, "taker", qty=D("0.1"), price=D(45_000))
    maker = place(emulator, "maker", qty=D("0.1"), price=D(40_000))
    emulator.set_price("BTCUSDT", 30_000)

    assert (taker.average, maker.average) == (D("42000.51"), D(40_000))


def test_an_order_that_holds_all_the_money_fills_and_locks_only_its_rest() -> None:
    emulator = stopped(balances={"USDT": D(4_000)})
    order = place(emulator, "all-in", qty=D("0.1"), price=D(40_000))

    emulator.set_price("BTCUSDT", 39_000, size="0.03")

    usdt = emulator.account.balance("USDT")
    assert (order.filled, usdt.free, usdt.locked) == (D("0.03"), D(0), D(2_800))


def test_a_triggered_limit_rests_when_the_price_is_past_it() -> None:
    emulator = stopped()
    stop = place(emulator, "stop", Side.SELL, qty=D("0.1"), price=D(41_000), trigger=D(41_500))

    emulator.set_price("BTCUSDT", 40_000)
    assert stop.is_open
    emulator.set_price("BTCUSDT", 41_001)

    assert stop.status is Status.FILLED


def test_a_stop_without_money_behind_it_is_rejected_when_it_triggers() -> None:
    emulator = stopped("bybit")
    fields = {"qty": D(1), "kind": Kind.MARKET, "trigger": D(41_500), "locks": False}
    stop = place(emulator, "stop", Side.SELL, **fields)
    emulator.deposit("BTC", "-0.5")

    emulator.set_price("BTCUSDT", 41_000)

    assert stop.status is Status.REJECTED


def test_an_order_by_decree_fills_in_parts() -> None:
    emulator = stopped()
    place(emulator, "parts", qty=D("0.3"), price=D(40_000))

    emulator.fill("parts", "0.1")
    emulator.fill("parts", "0.1", "39000")
    emulator.expire("parts")

    order = emulator.ledger.order("parts")
    assert (order.status, order.filled, order.cost) == (Status.EXPIRED, D("0.2"), D(7_900))
    assert emulator.problems() == []


def test_a_refused_order_changes_nothing() -> None:
    emulator = stopped()
    before = repr(emulator.account)

    with pytest.raises(Refusal) as refused:
        place(emulator, "dear", qty=D(3), price=D(42_000))

    assert refused.value.reason is Reason.BALANCE_INSUFFICIENT
    assert repr(emulator.account) == before
    assert (emulator.ledger.orders, emulator.streams.sent) == ([], [])


def test_the_same_calls_give_the_same_ledger() -> None:
    def story() -> str:
        emulator = stopped(seed=5)
        for number in range(30):
            emulator.advance()
            price = D(emulator.market.pairs[0].bid) - 20
            place(emulator, f"s{number}", qty=D("0.01"), price=price)
        return repr(emulator.ledger)

    assert story() == story()


def test_problems_are_found_when_books_are_cooked() -> None:
    emulator = stopped()
    order = place(emulator, "cooked", kind=Kind.MARKET, qty=D("0.1"))
    emulator.account.balance("USDT").free += 1
    emulator.account.balance("BTC").locked += 1
    order.filled += 1

    found = " ".join(emulator.problems())

    assert "USDT" in found
    assert "locks 1 BTC" in found
    assert "overfilled" in found


qtys = st.integers(1, 400).map(lambda steps: D(steps) / 1000)
prices = st.integers(3_000, 6_000).map(lambda price: D(price * 10))
sides = st.sampled_from(list(Side))
acts = st.one_of(
    st.tuples(st.just("limit"), sides, qtys, prices),
    st.tuples(st.just("market"), sides, qtys),
    st.tuples(st.just("cost"), sides, qtys),
    st.tuples(st.just("stop"), sides, qtys, prices),
    st.tuples(st.just("price"), prices, qtys),
    st.tuples(st.just("cancel"), st.integers(0, 50)),
)


@VENUES
@pytest.mark.parametrize("fee_in", list(FeeIn))
@settings(max_examples=60, deadline=None, derandomize=True)
@given(story=st.lists(acts, max_size=40))
def test_whatever_is_traded_the_books_add_up(
    venue: str, fee_in: FeeIn, story: list[tuple[Any, ...]]
) -> None:
    emulator = stopped(venue)
    emulator.account.fee_in = fee_in
    emulator.deposit("BNB", "0.05")
    emulator.set_price("BNBUSDT", 500)

    for number, (what, *said) in enumerate(story):
        try:
            ACTS[what](emulator, f"h{number}", *said)
        except Refusal:
            continue
        assert emulator.problems() == []


def _cancel(emulator: Emulator, client_id: str, number: int) -> None:
    if number < len(emulator.ledger.orders):
        emulator.engine.cancel(emulator.ledger.orders[number])


ACTS: dict[str, Callable[..., Any]] = {
    "limit": lambda emulator, client_id, side, qty, price: place(
        emulator, client_id, side, qty=qty, price=price
    ),
    "market": lambda emulator, client_id, side, qty: place(
        emulator, client_id, side, kind=Kind.MARKET, qty=qty
    ),
    "cost": lambda emulator, client_id, side, qty: place(
        emulator, client_id, side, kind=Kind.MARKET, cost=qty * 10_000
    ),
    "stop": lambda emulator, client_id, side, qty, price: place(
        emulator,
        client_id,
        side,
        kind=Kind.MARKET,
        qty=qty,
        trigger=price,
        trigger_rising=price > emulator.engine.book("BTCUSDT").last,
    ),
    "price": lambda emulator, client_id, price, size: emulator.set_price(
        "BTCUSDT", price, size=size
    ),
    "cancel": _cancel,
}


@VENUES
def test_it_takes_a_thousand_orders_in_a_second(venue: str) -> None:
    emulator = stopped(venue)
    started = time.perf_counter()

    for number in range(1_000):
        place(emulator, f"fast-{number}", kind=Kind.MARKET, qty=D("0.001"))

    assert time.perf_counter() - started < 1
    assert emulator.problems() == []


@VENUES
def test_it_starts_in_a_moment(venue: str) -> None:
    started = time.perf_counter()

    with Emulator(venue):
        assert time.perf_counter() - started < 0.2
