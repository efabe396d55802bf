"""Published examples of the statistics of evidence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trading.evidence import monte_carlo
from trading.evidence.overfitting import mean_of_columns, pbo
from trading.evidence.sharpe import (
    Moments,
    deflated_benchmark,
    dsr,
    expected_max,
    luck_of,
    min_backtest_years,
    min_trl,
    psr,
)

DAILY = 2.5 / math.sqrt(250)
EXACT = 1e-9


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "expected"),
    [
        (100, -3, 10, 0.9003968345),
        (46, -3, 10, 0.9505017069),
        (88, 0, 3, 0.9504908167),
        (10, -3, 10, 0.9938796415),
        (1000, -3, 10, 0.6399149554),
    ],
)
def test_the_deflated_sharpe_ratio_is_that_of_its_paper(
    trials: int, skew: float, kurtosis: float, expected: float
) -> None:
    found = dsr(Moments(1250, DAILY, skew, kurtosis), trials=trials, variance=0.5 / 250)

    assert found == pytest.approx(expected, abs=1e-7)


def test_the_benchmark_of_the_papers_example() -> None:
    assert deflated_benchmark(100, 0.5 / 250) == pytest.approx(0.1131720019, abs=EXACT)


@pytest.mark.parametrize(
    ("skew", "kurtosis", "expected"), [(0, 3, 0.9433458828), (-1, 6, 0.9338440915)]
)
def test_the_probabilistic_sharpe_ratio(skew: float, kurtosis: float, expected: float) -> None:
    assert psr(Moments(253, 0.1, skew, kurtosis)) == pytest.approx(expected, abs=EXACT)


@pytest.mark.parametrize(
    ("periods", "skew", "kurtosis", "expected"),
    [(250, 0, 3, 682.797), (52, 0, 3, 147.099), (12, 0, 3, 38.878), (12, -0.72, 5.78, 59.895)],
)
def test_the_minimum_track_record_of_a_sharpe_of_2_against_1(
    periods: int, skew: float, kurtosis: float, expected: float
) -> None:
    moments = Moments(0, 2 / math.sqrt(periods), skew, kurtosis)

    assert min_trl(moments, 1 / math.sqrt(periods)) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("skew", "kurtosis", "benchmark", "expected"),
    [(0, 3, 0, 272.907117), (-1, 6, 0, 301.991709), (0, 3, 0.05, 1088.628469)],
)
def test_the_minimum_track_record(
    skew: float, kurtosis: float, benchmark: float, expected: float
) -> None:
    assert min_trl(Moments(0, 0.1, skew, kurtosis), benchmark) == pytest.approx(expected, abs=1e-6)


def test_a_sharpe_below_the_benchmark_never_has_a_track_record() -> None:
    assert min_trl(Moments(100, -0.1, 0, 3)) is None


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        (2, 0.519755),
        (5, 1.192594),
        (10, 1.574598),
        (50, 2.276303),
        (100, 2.530603),
        (1000, 3.255122),
    ],
)
def test_the_expected_largest_of_normals(trials: int, expected: float) -> None:
    assert expected_max(trials) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("trials", "years"), [(7, 1.923), (45, 4.998), (100, 6.404)])
def test_the_minimum_backtest_length(trials: int, years: float) -> None:
    assert min_backtest_years(trials, 1.0) == pytest.approx(years, abs=1e-3)
    assert years <= 2 * math.log(trials)  # the bound of its paper


def test_the_daily_sharpe_of_the_papers_example() -> None:
    assert pytest.approx(0.1581138830, abs=EXACT) == DAILY


def test_luck_is_at_most_what_worthless_returns_vary_by() -> None:
    n, rng = 250, np.random.default_rng(1)
    worthless = rng.normal(0, 0.01, (4000, n))
    sharpes = worthless.mean(axis=1) / worthless.std(axis=1, ddof=1)

    assert sharpes.var() == pytest.approx(1 / (n - 1), rel=0.05)
    assert luck_of(0.5, n) == pytest.approx(1 / (n - 1))
    assert luck_of(0.001, n) == 0.001  # trials that are alike vary less
    assert luck_of(0.001, 1) == 0.001


def test_the_best_of_independent_worthless_trials_shows_the_deflated_benchmark() -> None:
    n, rng = 250, np.random.default_rng(2)
    worthless = rng.normal(0, 0.01, (400, 50, n))
    best = (worthless.mean(axis=2) / worthless.std(axis=2, ddof=1)).max(axis=1)

    assert best.mean() == pytest.approx(deflated_benchmark(50, 1 / (n - 1)), rel=0.03)


def test_moments_of_a_series() -> None:
    series = [0.01, -0.005, 0.007, 0.002, -0.012, 0.015, 0.003, -0.004, 0.006, 0.001]
    moments = Moments.of(np.array(series))

    assert moments is not None
    assert moments.sharpe == pytest.approx(0.2925988691, abs=EXACT)
    assert moments.skew == pytest.approx(-0.2184156709, abs=EXACT)
    assert moments.kurtosis == pytest.approx(2.4717939088, abs=EXACT)
    assert psr(moments) == pytest.approx(0.7991805932, abs=EXACT)
    assert min_trl(moments) == pytest.approx(35.6167, abs=1e-4)


@pytest.mark.parametrize("returns", [[], [0.1], [0.1] * 20])
def test_what_does_not_vary_has_no_moments(returns: list[float]) -> None:
    assert Moments.of(np.array(returns)) is None


def test_pbo_of_a_worked_example() -> None:
    rows = [(3, 1, 0), (3, 1, 2)] * 2
    rows[3] = (1, 1, 2)
    rows += [(-2, 1, 0), (-2, 1, 2), (-2, 1, 0), (-2, 1, 2)]

    found = pbo(np.array(rows, float), blocks=4, statistic=mean_of_columns)

    assert found.chosen == (0, 1, 1, 1, 1, 1)
    assert found.logits == pytest.approx([-1.098612, *[0.510826] * 4, -0.510826], abs=1e-6)
    assert found.pbo == pytest.approx(1 / 3)
    assert found.loss == pytest.approx(1 / 6)


def test_pbo_is_0_where_the_best_stays_the_best() -> None:
    found = pbo(np.array([(0, 1, 2), (1, 2, 3)] * 4, float), blocks=4, statistic=mean_of_columns)

    assert found.logits == pytest.approx([1.098612] * 6, abs=1e-6)
    assert found.pbo == 0


def test_pbo_is_1_where_the_best_never_stays_the_best() -> None:
    # The published one has single rows: twice each, the means are the same.
    fickle = np.repeat(np.eye(4), 2, axis=0)

    found = pbo(fickle, blocks=4, statistic=mean_of_columns)

    assert found.logits == pytest.approx([-0.847298] * 6, abs=1e-6)
    assert found.pbo == 1


def test_pbo_needs_two_rows_a_block() -> None:
    with pytest.raises(ValueError, match="two rows a block"):
        pbo(np.eye(4), blocks=4, statistic=mean_of_columns)


def test_pbo_of_noise_is_a_half_give_or_take_a_fifth() -> None:
    found = [
        pbo(np.random.default_rng(seed).normal(0, 0.01, (400, 20)), blocks=8).pbo
        for seed in range(200)
    ]

    assert np.mean(found) == pytest.approx(0.506, abs=0.03)
    assert np.std(found, ddof=1) == pytest.approx(0.212, abs=0.02)


@pytest.mark.parametrize(
    ("seed", "noise", "edge"),
    [
        (0, 0.357, 0.057),
        (1, 0.629, 0.043),
        (2, 0.514, 0.0),
        (3, 0.729, 0.114),
        (4, 0.400, 0.143),
    ],
)
def test_pbo_tells_noise_from_an_edge(seed: int, noise: float, edge: float) -> None:
    returns = np.random.default_rng(seed).normal(0, 0.01, (1000, 50))

    assert pbo(returns, blocks=8).pbo == pytest.approx(noise, abs=1e-3)
    returns[:, 7] += 0.0015
    assert pbo(returns, blocks=8).pbo == pytest.approx(edge, abs=1e-3)


def test_other_orders_of_the_same_trades_keep_their_mean() -> None:
    pnl = np.random.default_rng(0).normal(10, 100, 200)
    bands = monte_carlo.of_trades(pnl, opening=10_000, seed=1, paths=4000)

    assert bands is not None
    assert bands.total_return[2] == pytest.approx(pnl.sum() / 10_000, abs=0.01)
    spread = pnl.std() * math.sqrt(200) / 10_000
    assert bands.total_return[4] - bands.total_return[0] == pytest.approx(3.29 * spread, rel=0.05)


def test_bands_are_the_same_for_the_same_seed_and_keep_runs_together() -> None:
    returns = np.tile([0.05] * 5 + [-0.05] * 5, 20)

    blocks = monte_carlo.of_returns(returns, seed=3, block=10)
    single = monte_carlo.of_returns(returns, seed=3, block=1)

    assert blocks is not None
    assert single is not None
    assert blocks.max_drawdown == monte_carlo.of_returns(returns, seed=3, block=10).max_drawdown  # type: ignore[union-attr]
    # Whole runs of luck in blocks end where they began; single days drift apart.
    assert blocks.total_return[4] - blocks.total_return[0] < 0.5 * (
        single.total_return[4] - single.total_return[0]
    )


@pytest.mark.parametrize("day", [0, 1, 25, 48, 49])
def test_blocks_run_on_from_the_last_day_to_the_first_so_that_each_day_counts_alike(
    day: int,
) -> None:
    returns = np.zeros(50)
    returns[day] = -0.01

    bands = monte_carlo.of_returns(returns, seed=5, block=10, paths=20_000)

    # Each of five blocks has it, once, with a chance of 10 in 50.
    assert bands is not None
    assert bands.loss_probability == pytest.approx(1 - 0.8**5, abs=0.015)
    assert bands.total_return == pytest.approx([0.99**3 - 1, 0.99**2 - 1, -0.01, 0, 0])


def test_bands_know_the_fall_from_the_opening() -> None:
    falling = monte_carlo.of_returns(np.full(20, -0.01), seed=0)
    losing = monte_carlo.of_trades(np.full(20, -10.0), opening=1000, seed=0)

    assert falling is not None
    assert losing is not None
    assert falling.max_drawdown == pytest.approx([1 - 0.99**20] * 5)
    assert losing.max_drawdown == pytest.approx([0.2] * 5)
    assert (falling.loss_probability, losing.loss_probability) == (1, 1)


def test_blocks_are_as_long_as_the_third_root_of_the_sample_unless_given() -> None:
    returns = np.random.default_rng(3).normal(0, 0.01, 216)

    assert np.array_equal(_curves(returns), _curves(returns, block=6))
    assert not np.array_equal(_curves(returns), _curves(returns, block=5))


def _curves(returns: np.ndarray, block: int | None = None) -> np.ndarray:
    bands = monte_carlo.of_returns(returns, seed=9, block=block)
    assert bands is not None
    return bands.equity


def test_too_few_trades_or_days_have_no_bands() -> None:
    assert monte_carlo.of_trades(np.array([1.0]), opening=100, seed=0) is None
    assert monte_carlo.of_returns(np.zeros(9), seed=0) is None
