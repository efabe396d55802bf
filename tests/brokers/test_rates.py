"""Limits of exchanges: what calls cost, what answers say about them, and when to be silent."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal as D

import pytest

from config import bus
from config.rate_budget import Priority, RateBudget
from marketdata.errors import ExchangeUnavailable
from marketdata.exchanges.ccxt_rest import CcxtExchange
from marketdata.exchanges.gate import AddressGate
from marketdata.exchanges.wire import WIRES
from tests.brokers.test_live import FILTERS, PLACING, order, reference
from tests.exchange import faults
from tests.exchange.emulator import Emulator
from tests.exchange.limits import BinanceLimits
from trading.brokers import Outcome, Placement, Presence
from trading.brokers.live import Credentials, LiveBroker
from trading.brokers.rates import OUT_OF_BUDGET, PRIORITIES, TABLES, RateMeter
from trading.errors import AccountUnreachable, BudgetSpent


@pytest.fixture(autouse=True)
def empty_bus() -> Iterator[None]:
    bus.client().flushdb()
    yield
    bus.client().flushdb()


@pytest.fixture
def budget() -> RateBudget:
    return RateBudget()


@pytest.fixture
def meter(emulator: Emulator, budget: RateBudget) -> RateMeter:
    name = emulator.venue.name
    return RateMeter(budget, name, account="7", base_url=emulator.url, sleep=lambda s: None)


@pytest.fixture
def broker(emulator: Emulator, meter: RateMeter) -> LiveBroker:
    return _broker(emulator, meter)


def _broker(emulator: Emulator, meter: RateMeter) -> LiveBroker:
    credentials = Credentials(emulator.key.key, emulator.key.secret)
    return LiveBroker(
        emulator.venue.name, credentials, base_url=emulator.url, timeout_s=1, rates=meter
    )


def used(meter: RateMeter, name: str) -> int:
    return sum(use.used for use in meter.uses() if use.window.name.endswith(name))


def use_up(meter: RateMeter, method: str, priority: Priority) -> int:
    granted = 0
    while granted < 6000 and meter.admit(method, priority):
        granted += 1
    return granted


def test_every_call_of_an_exchange_has_its_price(emulator: Emulator) -> None:
    table = TABLES[emulator.venue.name]("x", "7")
    broker = LiveBroker(emulator.venue.name, Credentials("k" * 8, "s" * 8))
    for method in broker._wire.METHODS:
        costs = table.costs(method)
        assert costs
        assert all(cost > 0 for _, cost in costs)
        assert table.gates(method)[0] == "x"


def test_a_call_is_counted_before_it_is_made(broker: LiveBroker, meter: RateMeter) -> None:
    broker.place(order())
    binance = broker.exchange == "binance"
    assert used(meter, ":weight" if binance else ":requests") == 1
    assert used(meter, ":7:orders" if binance else ":7:create") == (2 if binance else 1)


def test_what_the_exchange_counted_is_taken_over(
    broker: LiveBroker, meter: RateMeter, emulator: Emulator
) -> None:
    if broker.exchange == "bybit":
        pytest.skip("it tells what is left of an endpoint only")
    assert isinstance(emulator.limits, BinanceLimits)
    emulator.limits.weight.add(3000, emulator.now_ms())
    broker.time_ms()
    assert used(meter, ":weight") >= 3001


def test_what_is_left_of_an_endpoint_counts_as_a_part_of_its_limit() -> None:
    table = TABLES["bybit"]("x", "7")
    said = {"x-bapi-limit": "10", "x-bapi-limit-status": "3"}
    ((window, used_now),) = table.readings("place", said)
    assert (window.limit, used_now) == (20, 14)
    assert table.readings("place", {"x-bapi-limit": "0", "x-bapi-limit-status": "0"}) == []
    assert table.readings("place", {"x-bapi-limit": "many"}) == []


def test_a_cancel_and_a_look_up_pass_when_reads_have_used_everything_up(
    broker: LiveBroker, meter: RateMeter, emulator: Emulator
) -> None:
    broker.place(order(price="30000"))
    use_up(meter, "fills", Priority.READ)
    with pytest.raises(AccountUnreachable, match=OUT_OF_BUDGET):
        broker.fills("BTC/USDT", 0)
    assert broker.find(reference()).presence is Presence.FOUND
    assert broker.cancel(reference()).code == "asked"
    assert emulator.ledger.open_orders() == []


def test_polls_that_use_up_their_part_leave_the_lists_that_reconciliation_reads(
    broker: LiveBroker, meter: RateMeter
) -> None:
    broker.place(order(price="30000"))
    use_up(meter, "open_of" if broker.exchange == "binance" else "open", Priority.POLL)
    with pytest.raises(BudgetSpent):
        broker.open_orders_of({"BTCUSDT": "BTC/USDT"})
    assert len(broker.open_orders({"BTCUSDT": "BTC/USDT"})) == 1


def test_a_poll_of_a_few_symbols_costs_a_few_weights(broker: LiveBroker, meter: RateMeter) -> None:
    if broker.exchange == "bybit":
        pytest.skip("one request whatever it is about")
    broker.open_orders_of({"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT"})
    assert used(meter, ":weight") == 12


def test_an_order_without_room_is_not_sent_and_an_order_that_sells_still_is(
    broker: LiveBroker, meter: RateMeter, emulator: Emulator
) -> None:
    use_up(meter, "place", Priority.ENTRY)
    refused = broker.place(order())
    assert (refused.outcome, refused.code) == (Outcome.NOT_SENT, OUT_OF_BUDGET)
    assert emulator.ledger.asked(PLACING[broker.exchange]) == []

    sale = Placement("cs-sale", "BTC/USDT", False, "LIMIT", D("0.01"), D(90_000), FILTERS)
    assert broker.place(sale).outcome is Outcome.ACKED


@pytest.mark.parametrize(
    ("status", "header", "closed_s"), [(429, 7, 7), (429, 0, 10), (418, 300, 300), (418, 0, 120)]
)
def test_silence_that_an_exchange_wants_is_kept_by_everybody(
    broker: LiveBroker,
    emulator: Emulator,
    meter: RateMeter,
    status: int,
    header: int,
    closed_s: int,
) -> None:
    emulator.fail(faults.status(status, retry_after=header or None), path="POST", times=1)
    assert broker.place(order()).outcome is Outcome.NOT_SENT
    asked = len(emulator.ledger.requests)

    base = emulator.url
    other = RateMeter(RateBudget(), broker.exchange, account="8", base_url=base)
    assert _broker(emulator, other).place(order("cs-two")).code == OUT_OF_BUDGET
    assert broker.cancel(reference()).code == OUT_OF_BUDGET
    assert broker.find(reference()).presence is Presence.UNANSWERED
    assert len(emulator.ledger.requests) == asked  # not one more request, of anybody
    assert max(use.closed_s for use in other.uses()) == pytest.approx(closed_s, abs=1.5)


def test_an_order_that_was_turned_away_is_not_sent_again(
    broker: LiveBroker, emulator: Emulator
) -> None:
    emulator.fail(faults.status(429, retry_after=1), path="POST", times=9)
    broker.place(order())
    assert len(emulator.ledger.asked(PLACING[broker.exchange])) == 1


def test_too_many_orders_close_the_orders_and_nothing_else(
    broker: LiveBroker, emulator: Emulator
) -> None:
    limits = emulator.limits
    limits.enforce = True
    name = "orders_per_10_s" if isinstance(limits, BinanceLimits) else "orders_per_s"
    setattr(limits, name, 0)
    assert broker.place(order()).code in ("-1015", "10006")
    assert broker.place(order("cs-two")).code == OUT_OF_BUDGET
    assert len(emulator.ledger.asked(PLACING[broker.exchange])) == 1
    setattr(limits, name, 99)
    assert broker.find(reference()).presence is Presence.ABSENT


def test_many_bots_stay_below_what_the_exchange_allows(
    broker: LiveBroker, emulator: Emulator, meter: RateMeter
) -> None:
    emulator.limits.enforce = True
    for number in range(130):
        broker.place(order(f"cs-{number}", price="30000"))
    statuses = {row.outcome for row in emulator.ledger.requests}
    assert "429" not in {str(status) for status in statuses}


def test_a_short_wait_for_room_is_waited_and_a_long_one_is_not(
    emulator: Emulator, budget: RateBudget
) -> None:
    waited: list[float] = []
    name = emulator.venue.name
    meter = RateMeter(budget, name, account="7", base_url=emulator.url, sleep=waited.append)
    use_up(meter, "place", Priority.ENTRY)
    assert not meter.admit("place", Priority.ENTRY)
    assert sum(waited) <= 1.5 * 200
    assert bool(waited) == (name == "bybit")  # a second there, ten here


def test_nobody_else_than_a_cancel_has_the_last_part_of_a_limit() -> None:
    assert PRIORITIES["cancel"] is Priority.CANCEL
    assert [name for name, who in PRIORITIES.items() if who is Priority.CANCEL] == ["cancel"]


def test_public_requests_count_and_keep_the_same_silence(
    broker: LiveBroker, emulator: Emulator, meter: RateMeter, budget: RateBudget
) -> None:
    gate = AddressGate(budget, broker.exchange, emulator.url)
    public = CcxtExchange(broker.exchange, base_url=emulator.url, gate=gate)
    public.time_ms()
    if broker.exchange == "binance":
        assert used(meter, ":weight") >= 1

    emulator.fail(faults.status(418, retry_after=90), path="GET", times=1)
    with pytest.raises(ExchangeUnavailable):
        public.time_ms()
    asked = len(emulator.ledger.requests)
    assert broker.place(order()).code == OUT_OF_BUDGET
    with pytest.raises(ExchangeUnavailable) as refused:
        public.time_ms()
    assert refused.value.retry_after_s == pytest.approx(90, abs=2)
    assert len(emulator.ledger.requests) == asked


def test_public_tickers_are_asked_for_in_cheap_parts() -> None:
    queries = WIRES["binance"].tickers_queries([f"S{n}/USDT" for n in range(45)])
    assert [query["symbols"].count("USDT") for query in queries] == [20, 20, 5]
