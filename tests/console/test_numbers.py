"""How numbers and times are written: aligned digits, real minus, a dash for unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from config import clock
from config.templatetags import console


@pytest.mark.parametrize(
    "value", [None, "", "12", float("nan"), float("inf"), Decimal("NaN"), True]
)
def test_what_is_no_number_is_a_dash(value: Any) -> None:
    for write in (console.number, console.signed, console.percent, console.price, console.qty):
        assert write(value) == "–"
    assert console.compact(value) == "–"
    assert console.duration(value) == "–"
    assert console.tone(value) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1,234.50"), (-0.005, "0.00"), (Decimal("-1234.567"), "−1,234.57"), (0, "0.00")],
)
def test_a_number_has_its_digits(value: Any, text: str) -> None:
    assert console.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(5, "+5.00"), (-5, "−5.00"), (0, "0.00"), (0.001, "0.00")]
)
def test_a_sign_is_shown_only_where_there_is_something(value: Any, text: str) -> None:
    assert console.signed(value) == text


def test_a_fraction_is_shown_as_per_cent() -> None:
    assert console.percent(0.0125) == "1.25\u202f%"
    assert console.signed_percent(Decimal("-0.5"), 0) == "−50\u202f%"


@pytest.mark.parametrize(
    ("value", "tick", "text"),
    [
        (62000.1, Decimal("0.01"), "62,000.10"),
        (62000.1, Decimal(1), "62,000"),
        (0.4388, Decimal("0.0001"), "0.4388"),
        (0.4388, None, "0.438800"),
        (3.5, None, "3.5000"),
        (350, None, "350.00"),
    ],
)
def test_a_price_has_the_digits_of_its_tick(value: Any, tick: Any, text: str) -> None:
    assert console.price(value, tick) == text


def test_a_quantity_has_the_digits_that_it_has() -> None:
    assert console.qty(Decimal("1.50000")) == "1.5"
    assert console.qty(Decimal("-1200")) == "−1,200"


@pytest.mark.parametrize(
    ("value", "text"), [(950, "950.00"), (12_340, "12.34k"), (5.6e6, "5.60M"), (-7e9, "−7.00B")]
)
def test_a_large_number_is_short(value: float, text: str) -> None:
    assert console.compact(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0\u202fs"),
        (59, "59\u202fs"),
        (60, "1\u202fmin"),
        (7200, "2\u202fh"),
        (9e5, "10\u202fd"),
    ],
)
def test_a_duration_is_one_number_and_one_unit(seconds: float, text: str) -> None:
    assert console.duration(seconds) == text


def test_an_instant_is_written_in_utc_from_either_form() -> None:
    moment = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)

    assert console.at(moment) == console.at(clock.to_ms(moment)) == "2024-01-02 03:04:05"
    assert console.at_minute(moment) == "2024-01-02 03:04"
    assert console.at_iso(moment) == "2024-01-02T03:04"
    assert (console.at(None), console.at_minute(None), console.at_iso(None)) == ("–", "–", "")


def test_a_moment_of_today_needs_no_date() -> None:
    now = clock.now()

    assert console.moment(now) == f"{now:%H:%M}"
    assert console.moment(datetime(2024, 11, 2, 14, 5, tzinfo=UTC)) == "2 Nov 14:05"
    assert console.moment(None) == "–"


def test_an_age_is_kept_current_by_the_page() -> None:
    html = console.ago(clock.now() - timedelta(minutes=5))

    assert "<relative-time datetime=" in html
    assert "5\u202fmin ago" in html
    assert console.ago(None) == "–"
    assert ">now<" in console.ago(clock.now())


def test_a_line_needs_two_known_values() -> None:
    assert console.spark([1.0]) == "–"
    assert console.spark([1.0, float("nan")]) == "–"
    assert 'class="spark up"' in console.spark([1.0, 2.0])
    assert console.spark_points([1.0, 2.0, 1.0]) == "0.0,25.0 48.0,1.0 96.0,25.0"
    assert console.spark_points([1.0, 1.0]) == "0.0,25.0 96.0,25.0"


def test_only_what_differs_is_a_difference() -> None:
    assert console.differences({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": True}) == [
        ("b", "2", "3"),
        ("c", "–", "yes"),
    ]
    assert console.differences(None, None) == []
    assert console.differences(None, 5) == [("value", "–", "5")]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (True, "yes"), (False, "no"), ({"b": [1]}, '{"b": [1]}'), (0, "0"), ("x", "x")],
)
def test_a_stored_value_is_readable(value: Any, text: str) -> None:
    assert console.shown(value) == text


def test_a_status_has_its_colour() -> None:
    assert "badge--up" in console.status("RUNNING")
    assert "Emergency stop" in console.status("EMERGENCY_STOP")
    assert "badge--still" in console.status("STOPPED", "plain")


def test_an_icon_is_decoration_unless_it_is_named() -> None:
    assert 'aria-hidden="true"' in console.icon("stop")
    assert 'aria-label="stopped"' in console.icon("stop", "stopped")


def test_words_from_names() -> None:
    assert console.titled("order.filled") == "Order filled"
    assert console.dashed("BTC/USDT") == "BTC-USDT"
