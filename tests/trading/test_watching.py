"""A failure is told once it lasts, its end once that does, and flapping only once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.trading.factories import NOW
from trading.watching import News, Standing, look

LASTS = timedelta(seconds=10)


def told(looks: str, every_s: float = 5) -> str:
    """What is told over looks: "x" wrong, "." well, "?" explained; F and W stand for news."""
    standing, said = Standing(), ""
    for number, one in enumerate(looks):
        wrong = {"x": True, ".": False, "?": None}[one]
        now = NOW + timedelta(seconds=number * every_s)
        standing, news = look(standing, wrong=wrong, lasts=LASTS, now=now)
        said += {News.NOTHING: "-", News.FAILED: "F", News.WELL: "W"}[news]
    return said


@pytest.mark.parametrize(
    ("looks", "news"),
    [
        ("....", "----"),
        ("x...............", "----------------"),
        ("xxxx", "--F-"),
        ("x.x.x", "--F--"),
        ("xxx............x", "--F------------"[:15] + "-"),
        ("xxx.............", "--F------------W"),
        ("xxx.x.x.x.x.x.x.", "--F-------------"),
        ("xxx.............xxx", "--F------------W--F"),
    ],
)
def test_what_lasts_is_told_and_what_flaps_is_told_once(looks: str, news: str) -> None:
    assert told(looks) == news


def test_what_something_else_explains_begins_anew_when_it_is_explained_no_more() -> None:
    assert told("x????x") == "------"
    assert told("x????xxx") == "-------F"


def test_what_was_told_stays_told_while_something_else_explains_it() -> None:
    assert told("xxx????.............") == "--F----------------W"


def test_a_clock_that_was_set_back_delays_nothing() -> None:
    ahead = Standing(wrong_since=NOW + timedelta(hours=1))

    standing, _ = look(ahead, wrong=True, lasts=LASTS, now=NOW)

    assert standing.wrong_since == NOW
