"""Numbers in a model's text are held against what is stored; what nothing supports is marked."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.advisor import claims
from approvals.advisor.claims import FRACTION, Fact
from tests.approvals.planted import FACTS, FORMS, false_text, true_text


def marked(text: str, facts: tuple[Fact, ...] = FACTS, **given: list[str]) -> list[str]:
    """What nothing supports."""
    return [one.text for one in claims.check(text, facts, **given) if not one.supported]


def test_of_a_hundred_planted_numbers_at_least_95_are_found() -> None:
    dice = random.Random(20261121)
    texts = [false_text(FORMS[number % len(FORMS)], dice) for number in range(100)]

    missed = [text for text in texts if not marked(text)]

    assert len(missed) <= 5, missed


def test_true_numbers_raise_no_alarm() -> None:
    assert {text: marked(text) for text in map(true_text, FORMS) if marked(text)} == {}


def test_planted_numbers_are_found_beside_true_ones() -> None:
    dice = random.Random(7)
    found = alarms = 0
    for number in range(100):
        false, true = FORMS[number % len(FORMS)], FORMS[(number * 7 + 3) % len(FORMS)]
        texts = [true_text(true), false_text(false, dice)]
        dice.shuffle(texts)
        text = " ".join(texts)
        place = text.index(next(each for each in texts if each != true_text(true)))
        bad = [one for one in claims.check(text, FACTS) if not one.supported]
        inside = [one for one in bad if place <= one.start]
        found += bool(bad)
        alarms += len(bad) - len(inside) if place else 0

    assert found >= 95
    assert alarms <= 3


@pytest.mark.parametrize(
    "text",
    [
        "Sharpe is \u22120.41.",
        "SHARPE OF -0.4",
        "a drawdown of -18.3%",
        "win rate 37.5 %",
        "a win rate of 0.375",
        "a win rate of 37.5",
        "thirty-eight percent win rate",
        "forty-eight trades",
        "six losses in a row",
        "48 trades with a win rate of 38%, a profit factor of 0.87 and fees of 127",
        "fast from 12 to 14, buffer from 1 to 1.2",
        "win rate of \uff13\uff18%",
        "the 1h candles of version 3 since 2024-01-01",
        "No numbers at all.",
        "",
    ],
)
def test_the_same_number_may_be_written_in_many_ways(text: str) -> None:
    assert marked(text, tokens=["1h", "2024-01-01", "version 3"]) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Sharpe of 0.41", "0.41"),  # the sign is a lie
        ("a total return of 3.4%", "3.4%"),
        ("win rate of 48%", "48%"),  # the number is another fact's
        ("Sharpe 1.2", "1.2"),
        ("a profit factor of 1.87", "1.87"),
        ("drawdown of 1.83%", "1.83%"),  # a decimal point moved
        ("drawdown of 18.3 bps", "18.3 bps"),
        ("fees of 12,743", "12,743"),
        ("the return doubled", "doubled"),
        ("returns improve by half", "half"),
        ("expected Sharpe of 1.5", "1.5"),
        ("about 95% certain", "95%"),
        ("win rate of \u0663\u0664%", "\u0663\u0664%"),
        ("EMA13 is better", "13"),
        ("3e2 trades", "3e2"),
    ],
)
def test_what_nothing_supports_is_marked_where_it_stands(text: str, wrong: str) -> None:
    assert marked(text) == [wrong]


def test_a_claim_says_where_it_stands_and_what_supports_it() -> None:
    text = "Only 48 trades."

    (claim,) = claims.check(text, FACTS)

    assert (text[claim.start : claim.end], claim.by) == ("48", "trades")


def test_a_gain_is_not_a_loss() -> None:
    facts = (Fact("total_return", Decimal("0.03"), FRACTION, ("return",), gain=True),)

    assert marked("The return was a loss of 3%.", facts) == ["3%"]
    assert marked("The return was 3%.", facts) == []


def test_a_hostile_name_supports_no_number() -> None:
    facts = (*FACTS, Fact("x", Decimal("0.5"), FRACTION, ("win rate",)))

    assert marked("win rate of 99%", facts, tokens=["1h"]) == ["99%"]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_no_text_breaks_the_checker(text: str) -> None:
    for claim in claims.check(text, FACTS, tokens=["1h"]):
        assert text[claim.start : claim.end] == claim.text
