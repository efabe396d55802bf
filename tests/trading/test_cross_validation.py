"""The same parameters on several date ranges."""

from __future__ import annotations

import io
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command

from marketdata.files import read_candles
from marketdata.store import bars_of
from tests.scenarios.replays import WILD, imported
from trading.evidence.cross_validation import (
    combinatorial,
    cross_validate,
    date_ranges,
    median_outside,
)
from trading.simulation import Run, simulate

BAR_MS = 300_000


def test_ranges_cover_the_stretch_on_the_grid_without_overlap() -> None:
    edges = date_ranges(0, 1_000, 3, step_ms=100)

    assert edges == [(0, 300), (300, 600), (600, 1_000)]


def _silent(line: int, problem: str) -> None:
    """Nobody asks for bad lines here."""


@pytest.mark.parametrize("n", [0, 51, 11])
def test_a_number_of_ranges_that_makes_no_sense_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="range"):
        date_ranges(0, 1_000, n, step_ms=100)


def test_a_range_is_the_simulation_of_that_range_with_its_past() -> None:
    bars = bars_of(read_candles(WILD, _silent).rows)
    from_ms, to_ms = int(bars.open_ms[0]), int(bars.open_ms[-1]) + BAR_MS

    def runner(start: int, end: int) -> Run:
        return simulate(bars, "sma_cross", timeframe="5m", from_ms=start, to_ms=end)

    found = cross_validate(runner, from_ms, to_ms, ranges=4, step_ms=BAR_MS)

    third = found.ranges[2]
    alone = runner(third.from_ms, third.to_ms)
    assert third.total_return == float(alone.equity[-1]) / 10_000 - 1
    assert third.trades == len(alone.trades.pnl)
    assert third.max_drawdown > 0
    assert third.sharpe is None  # too few days
    assert found.worst.total_return == min(each.total_return for each in found.ranges)
    assert found.spread is not None
    assert found.spread > 0


def test_what_is_chosen_on_some_ranges_is_judged_on_the_others() -> None:
    found = combinatorial([[9.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]], held_out=1)

    assert [(each.held_out, each.chosen) for each in found] == [((0,), 1)] + [
        ((index,), 0) for index in (1, 2, 3)
    ]
    assert median_outside(found) == 0.0


def test_neighbours_of_a_held_out_range_are_not_chosen_on() -> None:
    found = combinatorial([[0.0, 5.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]], held_out=1, purge=1)

    assert next(each for each in found if each.held_out == (0,)).chosen == 1
    assert median_outside([]) is None


def test_too_many_ways_are_refused() -> None:
    with pytest.raises(ValueError, match="too many"):
        combinatorial([[0.0] * 20], held_out=10)


@pytest.mark.django_db
def test_the_command_tells_each_range_and_the_worst() -> None:
    answer = orjson.loads(_called("--json"))
    table = _called()

    assert len(answer["ranges"]) == 3
    assert answer["worst"]["total_return"] == min(r["total_return"] for r in answer["ranges"])
    assert "of 3 ranges" in table


@pytest.mark.django_db
@pytest.mark.parametrize("option", ["--params=[]", "--ranges=99", "--from=soon"])
def test_the_command_refuses_what_makes_no_sense(option: str) -> None:
    with pytest.raises(CommandError):
        _called(option)


def _called(*options: str) -> str:
    symbol, timeframe, _ = imported()
    out = io.StringIO()
    given: dict[str, Any] = {"stdout": out}
    call_command(
        "cross_validate",
        "sma_cross",
        f"--symbol={symbol}",
        f"--timeframe={timeframe}",
        "--from=2024-03-02",
        "--to=2024-03-06",
        "--ranges=3",
        *options,
        **given,
    )
    return out.getvalue()
