"""Live quotes: on the bus, and behind it the stored ticker."""

from __future__ import annotations

import pytest
from django.conf import settings

from config import bus, clock
from marketdata import quotes
from marketdata.services import store_tickers
from tests.marketdata.factories import NOW_MS, make_quote, make_symbol

pytestmark = pytest.mark.django_db


@pytest.fixture
def no_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens where the bus should be."""
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:9")
    monkeypatch.setattr(bus, "client", bus.client.__wrapped__)


def test_a_quote_comes_back_as_it_was(clean_bus: None) -> None:
    quote = make_quote(last=0.1 + 0.2)

    assert quotes.put_quote(7, quote)
    assert quotes.get_quote(7) == quote


def test_only_symbols_with_a_quote_are_given(clean_bus: None) -> None:
    quotes.put_quotes({1: make_quote(1.0), 2: make_quote(2.0)})

    assert quotes.get_quotes([2, 3, 2]) == {2: make_quote(2.0)}
    assert quotes.get_quotes([]) == {}
    assert quotes.get_quote(3) is None


def test_the_stored_ticker_stands_in_for_a_missing_quote(clean_bus: None) -> None:
    symbol = make_symbol()
    store_tickers(quotes={symbol.pk: make_quote(5.0)})
    store_tickers(quotes={symbol.pk: make_quote(6.0)})

    assert quotes.get_quote(symbol.pk) == make_quote(6.0)


def test_without_a_bus_the_stored_ticker_is_all_there_is(no_bus: None) -> None:
    symbol = make_symbol()
    store_tickers(quotes={symbol.pk: make_quote(5.0)})
    started = clock.mono()

    assert not quotes.put_quote(symbol.pk, make_quote(9.0))
    assert quotes.get_quote(symbol.pk) == make_quote(5.0)
    assert clock.mono() - started < 1, "an absent bus must not hold anybody up"


def test_a_quote_knows_its_age() -> None:
    quote = make_quote(at_ms=NOW_MS - 2500)

    assert quote.age_s(NOW_MS) == 2.5
    assert quote.age_s(NOW_MS - 9000) == 0.0
