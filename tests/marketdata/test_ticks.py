"""What a quote makes of the running minute."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from marketdata.ticks import forming_bar, tick_message
from tests.marketdata.factories import MINUTE, make_quote

prints = st.lists(st.tuples(st.floats(1, 1e6), st.integers(0, MINUTE - 1)), min_size=1, max_size=20)


@given(prints)
def test_a_minute_of_prints_is_its_bar(given_prints: list[tuple[float, int]]) -> None:
    bar = None
    for price, at in given_prints:
        bar = forming_bar(bar, price, 5 * MINUTE + at)

    prices = [price for price, _ in given_prints]
    assert bar == (5 * MINUTE, prices[0], max(prices), min(prices), prices[-1], 0.0)


def test_the_next_minute_begins_a_new_bar_and_a_late_print_changes_nothing() -> None:
    bar = forming_bar((0, 1.0, 2.0, 1.0, 2.0, 9.0), 3.0, MINUTE)

    assert bar == (MINUTE, 3.0, 3.0, 3.0, 3.0, 0.0)
    assert forming_bar(bar, 99.0, MINUTE - 1) == bar


def test_the_volume_that_the_exchange_told_stays() -> None:
    assert forming_bar((0, 1.0, 2.0, 1.0, 2.0, 9.0), 1.5, 30_000) == (0, 1.0, 2.0, 1.0, 1.5, 9.0)


def test_a_message_has_what_charts_and_tables_need() -> None:
    bar = (MINUTE, 1.0, 3.0, 0.5, 2.0, 7.0)

    message = tick_message(4, "simulated", "BTC/USDT", make_quote(2.0, at_ms=MINUTE + 250), bar)

    assert message == {
        "type": "tick.message",
        "data": {
            "symbol": "BTC/USDT",
            "exchange": "simulated",
            "symbol_id": 4,
            "price": 2.0,
            "bid": 1.5,
            "ask": 2.5,
            "change_24h": 0.01,
            "volume_24h": 500.0,
            "ts": "1970-01-01T00:01:00.250Z",
            "at_ms": MINUTE + 250,
            "bar": {
                "time": 60,
                "open": 1.0,
                "high": 3.0,
                "low": 0.5,
                "close": 2.0,
                "volume": 7.0,
            },
        },
    }
