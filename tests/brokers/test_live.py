"""The live broker: what an exchange's answer proves, and what is read from it."""

from __future__ import annotations

import time
from decimal import Decimal as D

import pytest

from tests.brokers.conftest import broker_at
from tests.exchange import faults
from tests.exchange.accounts import ApiKey
from tests.exchange.emulator import Emulator
from tests.exchange.faults import Spoil
from trading.brokers import Outcome, Placement
from trading.brokers.live import Credentials, LiveBroker
from trading.brokers.reports import Presence, Reference
from trading.costs import Filters
from trading.errors import AccountUnreachable
from trading.order_state import OrderStatus

FILTERS = Filters(D("0.01"), D("0.00001"), D("0.00001"), D(5))
PLACING = {"binance": "POST /api/v3/order", "bybit": "POST /v5/order/create"}
NAMES = {"BTCUSDT": "BTC/USDT"}


def order(
    client_id: str = "cs-one",
    *,
    kind: str = "LIMIT",
    qty: str = "0.01",
    price: str = "40000",
    buy: bool = True,
    sent_ms: int = 0,
) -> Placement:
    at = None if kind == "MARKET" else D(price)
    return Placement(client_id, "BTC/USDT", buy, kind, D(qty), at, FILTERS, sent_ms=sent_ms)


def reference(client_id: str = "cs-one", kind: str = "LIMIT") -> Reference:
    return Reference(client_id, "BTC/USDT", kind)


def stands(emulator: Emulator, client_id: str = "cs-one") -> int:
    return len(emulator.ledger.by_client_id(client_id))


class TestPlace:
    def test_an_order_with_our_id_is_acknowledged(
        self, broker: LiveBroker, emulator: Emulator
    ) -> None:
        ack = broker.place(order())
        assert ack.outcome is Outcome.ACKED
        (taken,) = emulator.ledger.by_client_id("cs-one")
        assert ack.exchange_order_id == taken.id

    @pytest.mark.parametrize(
        "spoil",
        [
            faults.answer_lost,
            faults.reset_after,
            faults.status(500, accepted=True),
            faults.status(502, accepted=True),
            faults.status(504, accepted=True),
            faults.slow(1.5),
            faults.cut_short,
            faults.truncated,
            faults.html,
            faults.body_of(b""),
            faults.body_of(b"null"),
            faults.body_of(b"[]"),
            faults.body_of(b"{}"),
            faults.without_client_id,
            faults.with_fields(clientOrderId="other", orderLinkId="other"),
            faults.with_fields(orderId=None),
        ],
        ids=lambda spoil: spoil.name,
    )
    def test_an_order_that_stands_is_unknown_without_a_whole_answer(
        self, broker: LiveBroker, emulator: Emulator, spoil: Spoil
    ) -> None:
        emulator.fail(spoil, path=PLACING[emulator.venue.name], times=1)
        assert broker.place(order()).outcome is Outcome.UNKNOWN
        assert stands(emulator) == 1
        assert len(emulator.ledger.asked(PLACING[emulator.venue.name])) == 1

    @pytest.mark.parametrize(
        "spoil",
        [faults.reset, faults.status(503), faults.status(403), faults.stalled(1.5)],
        ids=lambda spoil: spoil.name,
    )
    def test_an_order_that_never_arrived_is_unknown_all_the_same(
        self, broker: LiveBroker, emulator: Emulator, spoil: Spoil
    ) -> None:
        emulator.fail(spoil, path=PLACING[emulator.venue.name], times=1)
        assert broker.place(order()).outcome is Outcome.UNKNOWN
        assert stands(emulator) == 0

    @pytest.mark.parametrize("status", [418, 429])
    def test_too_many_requests_are_turned_away_unsent(
        self, broker: LiveBroker, emulator: Emulator, status: int
    ) -> None:
        emulator.fail(faults.status(status), path=PLACING[emulator.venue.name], times=1)
        assert broker.place(order()).outcome is Outcome.NOT_SENT
        assert stands(emulator) == 0

    @pytest.mark.parametrize(
        "wrong",
        [
            {"qty": "0.0000001"},
            {"price": "40000.001"},
            {"qty": "0.0001"},
            {"qty": "50"},
        ],
        ids=["lot", "tick", "notional", "balance"],
    )
    def test_what_the_exchange_forbids_is_rejected_with_its_code(
        self, broker: LiveBroker, emulator: Emulator, wrong: dict[str, str]
    ) -> None:
        ack = broker.place(order(**wrong))  # type: ignore[arg-type]
        assert ack.outcome is Outcome.REJECTED
        assert ack.code.lstrip("-").isdigit()
        assert stands(emulator) == 0

    def test_the_same_id_again_is_unknown_because_the_first_may_stand(
        self, broker: LiveBroker, emulator: Emulator
    ) -> None:
        broker.place(order())
        assert broker.place(order()).outcome is Outcome.UNKNOWN
        assert stands(emulator) == 1

    def test_a_wrong_key_is_rejected(self, emulator: Emulator) -> None:
        ack = broker_at(emulator, key="nobody").place(order())
        assert ack.outcome is Outcome.REJECTED

    def test_a_request_that_was_frozen_comes_too_late_to_be_an_order(
        self, broker: LiveBroker, emulator: Emulator
    ) -> None:
        long_ago = time.time_ns() // 1_000_000 - 30_000
        assert broker.place(order(sent_ms=long_ago)).outcome is Outcome.NOT_SENT
        assert stands(emulator) == 0

    def test_nobody_listening_means_not_sent(self, emulator: Emulator) -> None:
        broker = LiveBroker(
            emulator.venue.name,
            Credentials(emulator.key.key, emulator.key.secret),
            base_url="http://127.0.0.1:9",
        )
        ack = broker.place(order())
        assert (ack.outcome, ack.code) == (Outcome.NOT_SENT, "no_answer")

    def test_a_redirect_is_not_followed(self, broker: LiveBroker, emulator: Emulator) -> None:
        away = Spoil(
            "redirect",
            accepted=True,
            change=lambda answer: faults.Answer(307, b"", {"Location": "/elsewhere"}),
        )
        emulator.fail(away, path=PLACING[emulator.venue.name], times=1)
        assert broker.place(order()).outcome is Outcome.UNKNOWN
        assert len(emulator.ledger.requests) == 1

    def test_a_stop_waits_for_its_price(self, broker: LiveBroker, emulator: Emulator) -> None:
        ack = broker.place(order(kind="STOP_MARKET", buy=False, price="41000"))
        assert ack.outcome is Outcome.ACKED
        found = broker.find(reference(kind="STOP_MARKET"))
        assert found.report is not None
        assert (found.report.status, found.report.filled_qty) == (OrderStatus.OPEN, D(0))

        emulator.set_price("BTCUSDT", "40900")

        after = broker.find(reference(kind="STOP_MARKET")).report
        assert after is not None
        assert after.status is OrderStatus.FILLED


class TestFind:
    def test_an_order_is_found_with_what_was_filled(
        self, broker: LiveBroker, emulator: Emulator
    ) -> None:
        broker.place(order(qty="0.01"))
        emulator.fill("cs-one", "0.004")
        found = broker.find(reference())
        assert found.presence is Presence.FOUND
        assert found.report is not None
        assert found.report.status is OrderStatus.PARTIAL
        assert (found.report.qty, found.report.filled_qty) == (D("0.01"), D("0.004"))
        assert (found.report.buy, found.report.price) == (True, D(40000))

    def test_an_order_that_is_not_there_is_absent(self, broker: LiveBroker) -> None:
        assert broker.find(reference()).presence is Presence.ABSENT

    @pytest.mark.parametrize(
        "spoil",
        [
            faults.reset,
            faults.status(500),
            faults.status(404),
            faults.html,
            faults.body_of(b"{}"),
            faults.body_of(b"[]"),
        ],
        ids=lambda spoil: spoil.name,
    )
    def test_no_answer_is_no_absence(
        self, broker: LiveBroker, emulator: Emulator, spoil: Spoil
    ) -> None:
        broker.place(order())
        emulator.fail(spoil, path="GET ", times=9)
        assert broker.find(reference()).presence is Presence.UNANSWERED

    def test_another_order_than_was_asked_for_is_no_answer(
        self, broker: LiveBroker, emulator: Emulator
    ) -> None:
        broker.place(order())
        swapped = faults.mangled(lambda rows: [{**row, "orderLinkId": "other"} for row in rows])
        if emulator.venue.name == "binance":
            swapped = faults.with_fields(clientOrderId="other")
        emulator.fail(swapped, path="GET ", times=1)
        assert broker.find(reference()).presence is Presence.UNANSWERED

    def test_a_filled_order_is_still_found(self, broker: LiveBroker) -> None:
        broker.place(order(kind="MARKET"))
        found = broker.find(reference(kind="MARKET"))
        assert found.report is not None
        assert found.report.status is OrderStatus.FILLED


class TestCancel:
    def test_a_cancel_is_never_taken_for_its_outcome(
        self, broker: LiveBroker, emulator: Emulator
    ) -> None:
        broker.place(order())
        assert broker.cancel(reference()).outcome is Outcome.UNKNOWN
        found = broker.find(reference())
        assert found.report is not None
        assert found.report.status is OrderStatus.CANCELED

    def test_an_order_that_fills_meanwhile_stays_filled(
        self, broker: LiveBroker, emulator: Emulator
    ) -> None:
        broker.place(order())
        emulator.fail(faults.fill_wins, times=1)
        assert broker.cancel(reference()).outcome is Outcome.UNKNOWN
        found = broker.find(reference())
        assert found.report is not None
        assert found.report.status is OrderStatus.FILLED


class TestAccount:
    def test_fills_have_their_fee_and_its_asset(
        self, broker: LiveBroker, emulator: Emulator
    ) -> None:
        since = time.time_ns() // 1_000_000 - 1000
        broker.place(order(kind="MARKET", qty="0.02"))
        broker.place(order("cs-two", kind="MARKET", qty="0.01", buy=False))
        rows = broker.fills("BTC/USDT", since)
        assert [row.buy for row in rows] == [True, False]
        assert [row.qty for row in rows] == [D("0.02"), D("0.01")]
        assert [row.fee_asset for row in rows] == ["BTC", "USDT"]
        assert all(row.fee > 0 and not row.maker for row in rows)

    def test_more_fills_than_a_page_come_whole(
        self, broker: LiveBroker, emulator: Emulator
    ) -> None:
        since = time.time_ns() // 1_000_000 - 1000
        levels = [(D("42000.5") + n, D("0.0005")) for n in range(250)]
        emulator.set_book("BTCUSDT", bids=[(D(42000), D(1))], asks=levels)
        broker.place(order(kind="MARKET", qty="0.1"))
        rows = broker.fills("BTC/USDT", since)
        assert len(rows) == 200
        assert len({row.exchange_fill_id for row in rows}) == 200
        assert sum(row.qty for row in rows) == D("0.1")

    def test_open_orders_are_those_of_all_symbols_and_pages(self, broker: LiveBroker) -> None:
        for number in range(70):
            broker.place(order(f"cs-{number}", qty="0.001", price=str(30000 + number)))
        rows = broker.open_orders(NAMES)
        assert {row.client_order_id for row in rows} == {f"cs-{n}" for n in range(70)}
        assert {row.symbol for row in rows} == {"BTC/USDT"}

    @pytest.mark.parametrize("symbols", [1, 20])
    def test_a_poll_lists_the_working_orders_of_its_symbols(
        self, broker: LiveBroker, symbols: int
    ) -> None:
        for number in range(7):
            broker.place(order(f"cs-{number}", qty="0.001", price=str(30000 + number)))
        asked = NAMES | {f"COIN{n}USDT": f"COIN{n}/USDT" for n in range(symbols - len(NAMES))}
        rows = broker.open_orders_of(asked)
        assert {row.client_order_id for row in rows} == {f"cs-{n}" for n in range(7)}
        assert {row.symbol for row in rows} == {"BTC/USDT"}

    def test_balances_split_what_orders_hold(self, broker: LiveBroker) -> None:
        broker.place(order(qty="1", price="40000"))
        held = {row.asset: row for row in broker.balances()}
        assert held["USDT"].locked == D(40000)
        assert held["USDT"].total == D(100_000)

    @pytest.mark.parametrize("withdraw", [True, False])
    def test_a_key_tells_what_it_may_do(self, withdraw: bool) -> None:
        for venue in ("binance", "bybit"):
            key = ApiKey("key", "secret", can_withdraw=withdraw)
            with Emulator(venue, key=key) as emulator:
                rights = broker_at(emulator).rights()
                assert (rights.trade, rights.withdraw) == (True, withdraw)

    def test_the_exchange_tells_its_time(self, broker: LiveBroker, emulator: Emulator) -> None:
        emulator.skew_ms = 90_000
        assert abs(broker.time_ms() - time.time_ns() // 1_000_000 - 90_000) < 5_000

    @pytest.mark.parametrize("spoil", [faults.reset, faults.html, faults.status(500)])
    def test_no_answer_is_never_nothing(
        self, broker: LiveBroker, emulator: Emulator, spoil: Spoil
    ) -> None:
        emulator.fail(spoil, path="GET ", times=9)
        with pytest.raises(AccountUnreachable):
            broker.balances()
        with pytest.raises(AccountUnreachable):
            broker.open_orders(NAMES)
        with pytest.raises(AccountUnreachable):
            broker.fills("BTC/USDT", 0)


def test_a_key_does_not_show_in_texts(broker: LiveBroker, emulator: Emulator) -> None:
    from trading.brokers.live import Credentials

    assert "very" not in repr(Credentials("very", "very-secret"))
    assert emulator.key.secret not in repr(vars(broker))
