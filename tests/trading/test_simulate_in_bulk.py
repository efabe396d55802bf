"""What the kernel marks in bulk is what it does candle by candle."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal as D

import numpy as np
import pytest

from marketdata.bars import Bars
from strategies.protocol import Exits
from trading.costs import Filters
from trading.simulation import Lane, Rules, Run, run
from trading.simulation.simulate import USUAL_LIMITS, USUAL_TERMS

MINUTE = 60_000
FILTERS = Filters(D("0.01"), D("0.001"), D("0.001"), D(5))


def bars_of(rng: np.random.Generator, n: int) -> Bars:
    """A walk with single candles missing, and sometimes many in a row."""
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.004, n))), 2)
    opens = np.concatenate([close[:1], close[:-1]])
    high = np.round(np.maximum(opens, close) * (1 + abs(rng.normal(0, 0.002, n))), 2)
    low = np.round(np.minimum(opens, close) * (1 - abs(rng.normal(0, 0.002, n))), 2)
    open_ms = np.arange(n, dtype=np.int64) * MINUTE + 1_600_000_020_000
    kept = rng.random(n) >= rng.choice([0, 0.002, 0.1])
    missing = int(rng.integers(0, n))
    kept[missing : missing + int(rng.integers(0, 400))] = False
    columns = (open_ms, opens, high, low, close, np.exp(rng.normal(3, 2, n)))
    return Bars(*(column[kept] for column in columns))


def lane_of(rng: np.random.Generator, number: int) -> Lane:
    bars = bars_of(rng, int(rng.integers(600, 6_000)))
    stays = int(rng.choice([3, 30, 400, 3_000]))
    wanted = np.repeat(rng.choice([0.0, 1.0, 0.5, np.nan], len(bars) // stays + 1), stays)
    return Lane(f"S{number}", bars, wanted[: len(bars)], int(rng.integers(1, 20)), FILTERS, 7)


def case(seed: int) -> tuple[list[Lane], Rules]:
    rng = np.random.default_rng(seed)
    lanes = [lane_of(rng, number) for number in range(int(rng.integers(1, 5)))]
    exits = Exits(
        *(float(rng.choice([0.01, 0.03, 0.1])) if rng.random() < 0.5 else None for _ in range(3))
    )
    limits = replace(USUAL_LIMITS, max_drawdown=D(1), cooldown_candles=int(rng.choice([0, 5])))
    terms = replace(USUAL_TERMS, volume_cap=D(str(rng.choice([0.1, 1.0]))))
    rebalance, at_close = rng.random() < 0.2, rng.random() < 0.2
    rules = Rules(MINUTE, D(10_000), terms, limits, exits, rebalance)
    return lanes, replace(rules, fill_at="same_close") if at_close else rules


@pytest.fixture(scope="module", params=range(40))
def both(request: pytest.FixtureRequest) -> tuple[Run, Run]:
    lanes, rules = case(request.param)
    return run(lanes, rules), run(lanes, rules, scan=False)


def test_books_fills_and_counts_are_equal_to_the_last_bit(both: tuple[Run, Run]) -> None:
    bulk, single = both
    assert np.array_equal(bulk.open_ms, single.open_ms)
    assert np.array_equal(bulk.equity, single.equity)
    assert bulk.counts == single.counts
    assert bulk.final_cash == single.final_cash
    for each in fields(bulk.fills):
        assert np.array_equal(getattr(bulk.fills, each.name), getattr(single.fills, each.name))


def test_the_closes_are_those_of_any_symbol(both: tuple[Run, Run]) -> None:
    bulk, _ = both
    assert (np.diff(bulk.open_ms) > 0).all()
    assert len(bulk.cash) == len(bulk.equity) == len(bulk.at_ms)


def test_cash_and_positions_make_the_equity_and_positions_are_what_the_fills_left(
    both: tuple[Run, Run],
) -> None:
    bulk, _ = both
    signed = np.where(bulk.fills.buy == 1, bulk.fills.qty_steps, -bulk.fills.qty_steps)
    lots = np.concatenate([[0], np.cumsum(signed)])
    flat = lots[np.searchsorted(bulk.fills.at_ms, bulk.at_ms, "left")] == 0
    assert flat.any()
    assert (bulk.positions_value[flat] == 0).all()
    assert (bulk.positions_value[~flat] > 0).all()
