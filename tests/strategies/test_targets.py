"""Shapes of targets, on hand-written conditions."""

from __future__ import annotations

import numpy as np

from strategies.targets import clearly_above, latched, moved, while_true


def mask(text: str) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.array([letter == "x" for letter in text])


def shown(values: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> str:
    return "".join("x" if value else "." for value in values)


def test_a_target_is_one_while_the_condition_holds_and_nan_before_the_warm_up() -> None:
    found = while_true(mask("x.xx."), warmup=3)

    assert np.isnan(found[:2]).all()
    assert found[2:].tolist() == [1, 1, 0]


def test_a_latch_holds_from_entry_to_exit() -> None:
    assert shown(latched(mask("..x....x."), mask(".....x..."), bars=9)) == "..xxx..xx"


def test_an_exit_wins_over_an_entry_of_the_same_bar() -> None:
    assert shown(latched(mask("xxx."), mask(".x.."), bars=9)) == "x.xx"


def test_a_latch_forgets_an_entry_after_its_bars() -> None:
    assert shown(latched(mask("x........"), mask("........."), bars=3)) == "xxx......"
    assert shown(latched(mask("x.x......"), mask("........."), bars=3)) == "xxxxx...."


def test_a_latch_that_was_never_set_is_open() -> None:
    assert shown(latched(mask("....."), mask("....."), bars=3)) == "....."
    assert shown(latched(mask(""), mask(""), bars=3)) == ""


def test_rounding_is_not_above() -> None:
    right = np.array([60_000.0, 60_000.0, 60_000.0, np.nan])
    left = right + np.array([1e-11, 1e-3, 2.0, 0.0])

    assert shown(clearly_above(left, right)) == ".xx."
    assert shown(clearly_above(left, right, 1.0)) == "..x."


def test_movement_is_a_change_within_the_last_bars() -> None:
    close = np.array([1.0, 1, 2, 2, 2, 2, 3])

    assert shown(moved(close, bars=2)) == "..xx..x"
    assert shown(moved(close[:2], bars=5)) == ".."
    assert shown(moved(close[:0], bars=5)) == ""
