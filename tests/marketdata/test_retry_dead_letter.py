"""A dead letter can be tried again: what was early may be right by now."""

from __future__ import annotations

from datetime import timedelta
from math import nan

import pytest

from marketdata.errors import DeadLetterInvalid
from marketdata.indicators import Spec
from marketdata.models import Candle, DeadLetter, Symbol
from marketdata.queries import has_stale_indicators
from marketdata.services import (
    ingest_candles,
    refresh_stale_indicators,
    retry_dead_letter,
    set_aside,
    subscribe_indicators,
)
from marketdata.timeframes import Timeframe
from tests.marketdata.factories import MINUTE, NOW, make_candle, make_candles, make_symbol

pytestmark = pytest.mark.django_db


def rejected(row: tuple[int, float, float, float, float, float]) -> DeadLetter:
    ingest_candles(symbol=make_symbol(), timeframe=Timeframe.M1, rows=[row], now=NOW, source="test")
    return DeadLetter.objects.get()


def test_a_candle_that_came_too_early_is_stored_later() -> None:
    letter = rejected(make_candle(make_candles(1)[0][0] + MINUTE))

    retried = retry_dead_letter(letter_id=letter.pk, now=NOW + timedelta(minutes=2))

    assert retried.status == DeadLetter.Status.RETRIED
    assert Candle.objects.count() == 1


def test_what_is_still_wrong_is_refused_and_stays() -> None:
    letter = rejected((MINUTE, 1.0, 2.0, 0.5, nan, 1.0))

    with pytest.raises(DeadLetterInvalid, match="not a finite number"):
        retry_dead_letter(letter_id=letter.pk, now=NOW)

    letter.refresh_from_db()
    assert letter.status == DeadLetter.Status.OPEN


@pytest.mark.parametrize("row", [[1, 2], ["x", 1, 2, 3, 4, 5], [1, "a", 2, 3, 4, 5]])
def test_a_payload_that_was_never_a_candle_is_refused(row: list[object]) -> None:
    letter = rejected(make_candle(7))
    letter.payload = {**letter.payload, "row": row}
    letter.save()

    with pytest.raises(DeadLetterInvalid):
        retry_dead_letter(letter_id=letter.pk, now=NOW)


def test_a_candle_without_its_symbol_is_refused() -> None:
    letter = rejected(make_candle(7))
    Symbol.objects.all().delete()

    with pytest.raises(DeadLetterInvalid, match="not known"):
        retry_dead_letter(letter_id=letter.pk, now=NOW)


def test_other_letters_are_ticked_off_and_twice_is_once() -> None:
    set_aside(kind="ticker", source="fake", letters=[({"symbol": "A/B"}, "bad")], now=NOW)
    set_aside(kind="ticker", source="fake", letters=[({"symbol": "A/B"}, "bad")], now=NOW)
    letter = DeadLetter.objects.get()

    for _ in range(2):
        assert retry_dead_letter(letter_id=letter.pk, now=NOW).status == "RETRIED"


def test_a_retried_candle_leaves_its_indicators_to_a_worker() -> None:
    letter = rejected(make_candle(make_candles(1)[0][0] + MINUTE))
    subscribe_indicators(
        symbol=Symbol.objects.get(), timeframe=Timeframe.M1, specs=[Spec.of("vwap")]
    )

    retry_dead_letter(letter_id=letter.pk, now=NOW + timedelta(minutes=2))

    assert has_stale_indicators()
    refresh_stale_indicators()
    assert not has_stale_indicators()
