"""The judge of a run under faults passes what is right, and finds each thing planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal as D

import pytest

from benchmarks.chaos.evidence import (
    BookedOrder,
    Books,
    Decision,
    Event,
    ExchangeOrder,
    Fill,
    Truth,
    books_of,
    truth_of,
)
from benchmarks.chaos.judge import Wrong, judge
from benchmarks.chaos.tally import Episode, rows_of, table

Case = tuple[Truth, Books, list[Decision]]


def order(client_id: str, **changes: object) -> ExchangeOrder:
    given = ExchangeOrder(client_id, "BTCUSDT", "BUY", D("0.01"), D("0.01"), "FILLED")
    return replace(given, **changes)  # type: ignore[arg-type]


def booked(client_id: str, **changes: object) -> BookedOrder:
    given = BookedOrder(client_id, 1, "BTC", "USDT", "BUY", D("0.01"), D("0.01"), "FILLED", False)
    return replace(given, **changes)  # type: ignore[arg-type]


def fill(client_id: str, trade_id: str, qty: str = "0.01", **changes: object) -> Fill:
    given = Fill(client_id, trade_id, D(qty), D(40_000), D("0.00001"), "BTC")
    return replace(given, **changes)  # type: ignore[arg-type]


def clean() -> Case:
    """A filled buy, a part of a sale that still works, and an order that was never sent."""
    sold = fill("cs-sale", "2", "0.004", fee=D("0.16"), fee_asset="USDT")
    truth = Truth(
        orders=[
            order("cs-buy"),
            order("cs-sale", side="SELL", filled=D("0.004"), status="PARTIALLY_FILLED"),
            order("web_1", qty=D(1), filled=D(0), status="NEW"),
        ],
        fills=[fill("cs-buy", "1"), sold],
        balances={"BTC": D("1.00599"), "USDT": D("99759.84")},
        sends={"cs-buy": 1, "cs-sale": 1, "cs-lost": 1},
    )
    books = Books(
        orders=[
            booked("cs-buy"),
            booked("cs-sale", side="SELL", filled=D("0.004"), status="PARTIAL"),
            booked("cs-lost", qty=D("0.03"), filled=D(0), status="NOT_SENT"),
        ],
        fills=[fill("cs-buy", "1"), sold],
        positions={(1, "BTC"): D("0.00599")},
        cash={1: D("-240.16")},
        expected={"BTC": D("1.00599"), "USDT": D("99759.84")},
        events=[
            Event(1, "order.claimed", "cs-buy"),
            Event(2, "order.claimed", "cs-sale"),
            Event(3, "order.claimed", "cs-lost"),
            Event(4, "system.emergency_stopped"),
            Event(5, "system.resumed"),
        ],
        last_cycles=["CLEAN", "DIFFERENT"],
    )
    decisions = [
        Decision("k1", "BTCUSDT", "BUY", D("0.01"), 1.0, "kill web", ["cs-buy", "cs-buy"]),
        Decision("k2", "BTCUSDT", "SELL", D("0.01"), 2.0, client_ids=["cs-sale"]),
        Decision("k3", "BTCUSDT", "BUY", D("0.03"), 3.0, client_ids=["cs-lost"]),
        Decision("k4", "BTCUSDT", "BUY", D("0.04"), 4.0, refused="trading_halted"),
    ]
    return truth, books, decisions


def test_what_is_right_passes() -> None:
    assert judge(*clean()) == []


def set_order(truth: Truth, number: int, **changes: object) -> None:
    truth.orders[number] = replace(truth.orders[number], **changes)  # type: ignore[arg-type]


def set_booked(books: Books, number: int, **changes: object) -> None:
    books.orders[number] = replace(books.orders[number], **changes)  # type: ignore[arg-type]


def _accepted_twice(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    truth.orders.append(order("cs-buy"))


def _sent_twice_refused_once(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    truth.sends["cs-buy"] = 2


def _decided_twice(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    """Both known here, each with an id of its own: only the quantity tells."""
    truth.orders.append(order("cs-again", filled=D(0), status="CANCELED"))
    books.orders.append(booked("cs-again", filled=D(0), status="CANCELED"))


def _answered_with_two(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    decisions[0].client_ids.append("cs-sale")


def _unknown_here(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    truth.orders.append(order("cs-orphan", qty=D("0.07"), filled=D(0), status="NEW"))


def _held_for_never_sent(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    truth.orders.append(order("cs-lost", qty=D("0.03"), filled=D(0), status="NEW"))


def _gone_from_the_books(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    decisions[2].client_ids[:] = ["cs-forgotten"]


def _unknown_there(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    set_booked(books, 2, status="OPEN")


def _fill_missing(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    books.fills.pop()


def _fill_twice(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    books.fills.append(books.fills[0])


def _fee_wrong(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    books.fills[1] = replace(books.fills[1], fee=D("0.15"))


def _filled_otherwise(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    set_booked(books, 1, filled=D("0.003"))


def _position_off(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    books.positions[1, "BTC"] += D("0.00001")


def _position_of_nothing(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    books.positions[2, "ETH"] = D(1)


def _cash_off(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    books.cash[1] += D("0.16")


def _balance_off(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    truth.balances["USDT"] -= D("0.01")


def _never_opened(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    books.expected = {}


def _incident_stands(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    books.incidents.append("chaos BALANCE USDT")


def _not_reconciled(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    books.last_cycles.insert(0, "ABORTED")


def _exchange_at_odds(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    truth.problems.append("order 7 is overfilled")


def _claimed_while_stopped(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    books.events[2] = Event(6, "order.claimed", "cs-lost")
    books.events[4] = Event(7, "system.resumed")


def _never_claimed(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    del books.events[0]


def _claimed_twice(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    books.events.append(Event(9, "order.claimed", "cs-buy"))


def _without_a_verdict(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    set_booked(books, 2, status="UNKNOWN")


def _ended_there_only(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    set_order(truth, 1, status="CANCELED")


def _ended_here_only(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    set_booked(books, 1, status="CANCELED")


def _ended_otherwise(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    set_order(truth, 1, status="CANCELED")
    set_booked(books, 1, status="EXPIRED")


def _turned_over(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    books.events.append(Event(9, "verdict.contradicted"))


def _chain_broken(truth: Truth, books: Books, decisions: list[Decision]) -> None:
    books.audit.append("event 3: its hash is wrong")


@pytest.mark.parametrize(
    ("plant", "wrong"),
    [
        (_accepted_twice, Wrong.DUPLICATE),
        (_sent_twice_refused_once, Wrong.DUPLICATE),
        (_decided_twice, Wrong.DUPLICATE),
        (_answered_with_two, Wrong.DUPLICATE),
        (_unknown_here, Wrong.LOST_ORDER),
        (_held_for_never_sent, Wrong.LOST_ORDER),
        (_gone_from_the_books, Wrong.LOST_ORDER),
        (_unknown_there, Wrong.LOST_ORDER),
        (_fill_missing, Wrong.LOST_FILL),
        (_fill_twice, Wrong.LOST_FILL),
        (_fee_wrong, Wrong.LOST_FILL),
        (_filled_otherwise, Wrong.DRIFT),
        (_position_off, Wrong.DRIFT),
        (_position_of_nothing, Wrong.DRIFT),
        (_cash_off, Wrong.DRIFT),
        (_balance_off, Wrong.DRIFT),
        (_never_opened, Wrong.DRIFT),
        (_incident_stands, Wrong.DRIFT),
        (_not_reconciled, Wrong.DRIFT),
        (_exchange_at_odds, Wrong.DRIFT),
        (_claimed_while_stopped, Wrong.LATE_CLAIM),
        (_never_claimed, Wrong.LATE_CLAIM),
        (_claimed_twice, Wrong.LATE_CLAIM),
        (_without_a_verdict, Wrong.UNSETTLED),
        (_ended_there_only, Wrong.UNSETTLED),
        (_ended_here_only, Wrong.UNSETTLED),
        (_ended_otherwise, Wrong.UNSETTLED),
        (_turned_over, Wrong.CONTRADICTED),
        (_chain_broken, Wrong.AUDIT),
    ],
)
def test_each_thing_planted_is_found(
    plant: Callable[[Truth, Books, list[Decision]], None], wrong: Wrong
) -> None:
    case = clean()
    plant(*case)

    found = judge(*case)

    assert wrong in {finding.wrong for finding in found}


def test_a_bots_own_order_of_the_same_quantity_is_no_duplicate() -> None:
    truth, books, decisions = clean()
    truth.orders.append(order("cs-bot", filled=D(0), status="CANCELED"))
    books.orders.append(booked("cs-bot", filled=D(0), status="CANCELED", by_bot=True))

    assert judge(truth, books, decisions) == []


def test_an_order_that_was_canceled_before_it_left_need_not_be_there() -> None:
    truth, books, decisions = clean()
    books.orders.append(booked("cs-early", filled=D(0), status="CANCELED", sent=False))

    assert judge(truth, books, decisions) == []


def test_a_decision_counts_for_the_fault_in_which_it_was_made() -> None:
    truth, books, decisions = clean()
    _sent_twice_refused_once(truth, books, decisions)
    findings = judge(truth, books, decisions)
    episodes = [
        Episode("kill web", True, 0.0, 0.0, 4.0),
        Episode("kill web", True, 9.0, 9.0, 8.0),
        Episode("flush bus", True, 20.0, 20.0, None),
    ]

    rows = {row.fault: row for row in rows_of(truth, books, decisions, findings, episodes)}

    web, calm, total = rows["kill web"], rows["calm"], rows["all"]
    assert (web.times, web.decisions, web.orders, web.duplicates) == (2, 1, 1, 1)
    assert (web.recovery_p50_s, web.recovery_max_s) == (6.0, 8.0)
    assert (calm.decisions, calm.orders, calm.duplicates) == (2, 1, 0)
    assert (total.decisions, total.orders, total.duplicates) == (3, 3, 1)
    assert rows["flush bus"].recovery_max_s is None
    assert table(list(rows.values())).splitlines()[-1].startswith("all")


def test_both_sides_are_read_as_they_are_told() -> None:
    row = {
        "client_id": "cs-buy",
        "symbol": "BTCUSDT",
        "side": "BUY",
        "qty": "0.01",
        "filled": "0.01",
        "status": "FILLED",
        "id": "7",
    }
    trade = {"client_id": "cs-buy", "trade_id": 1, "qty": "0.01", "price": "40000"}
    trade |= {"fee": "0.00001", "fee_asset": "BTC", "order_id": "7"}
    asked = {"method": "POST", "path": "/api/v3/order", "fault": "reset"}
    asked |= {"params": {"newClientOrderId": "cs-buy"}}  # type: ignore[dict-item]

    truth = truth_of(
        {"orders": [row], "fills": [trade], "problems": []},
        {"BTC": {"free": "1", "locked": "0.5"}},
        [asked, asked, {**asked, "method": "GET"}],
    )
    books = books_of(
        {
            "orders": [
                {
                    "client_id": "cs-buy",
                    "bot": 1,
                    "base": "BTC",
                    "quote": "USDT",
                    "side": "BUY",
                    "qty": "0.01",
                    "filled": "0.01",
                    "status": "FILLED",
                    "by_bot": False,
                    "sent": True,
                }
            ],
            "fills": [{**trade, "trade_id": "1"}],
            "positions": [{"bot": 1, "base": "BTC", "qty": "0.5"}],
            "cash": {"1": "-400"},
            "expected": {"BTC": "1.5"},
            "events": [{"seq": 1, "action": "order.claimed", "client_id": "cs-buy"}],
            "incidents": [],
            "audit": [],
            "last_cycles": ["CLEAN"],
            "cycles": {"CLEAN": 1},
        }
    )

    assert truth.orders == [order("cs-buy")]
    assert truth.fills == books.fills == [fill("cs-buy", "1")]
    assert (truth.balances, truth.sends) == ({"BTC": D("1.5")}, {"cs-buy": 2})
    assert truth.faults == {"cs-buy": "reset"}
    assert books.orders == [booked("cs-buy")]
    assert (books.positions, books.cash) == ({(1, "BTC"): D("0.5")}, {1: D(-400)})
