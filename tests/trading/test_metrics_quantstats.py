"""Our numbers against those that quantstats 0.0.86 gave for the same returns, recorded once.

365 days a year, no riskless rate. docs/reference/metrics.md has the table of what differs and why.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from marketdata.bars import Floats
from trading.metrics import DAY_MS, DEFINITIONS, Performance, TradeColumns, measure

RECORDED = json.loads((Path(__file__).parent.parent / "data/quantstats-0.0.86.json").read_text())
PAGE = Path(__file__).parent.parent.parent / "docs/reference/metrics.md"
DAYS = 400
N = np.arange(DAYS)
BENCHMARK = 0.0005 + 0.015 * np.sin(N * 1.1) + 0.003 * np.cos(N * 0.05)
TRADES = [0.021, -0.013, 0.034, 0.008, -0.027, -0.004, 0.015, 0.019, 0.006, -0.011]
NAMES = ["steady rise", "long fall", "with days off", "with shocks"]
AGREED = {
    "total_return": "comp",
    "cagr": "cagr",
    "volatility": "volatility",
    "sharpe": "sharpe",
    "sortino": "sortino",
    "calmar": "calmar",
    "omega": "omega",
    "tail_ratio": "tail_ratio",
    "win_days": "win_rate",
    "beta": "beta",
}


def returns(name: str) -> Floats:
    """The daily returns that were given to quantstats."""
    shocks = 0.0004 + 0.006 * np.sin(N * 0.91)
    shocks[97], shocks[251] = -0.21, 0.17
    known: dict[str, Floats] = {
        "steady rise": 0.001 + 0.01 * np.sin(N * 1.7) + 0.004 * np.cos(N * 0.37),
        "long fall": -0.0015 + 0.012 * np.sin(N * 2.3) * np.cos(N * 0.11),
        "with days off": np.where(N % 5 == 0, 0.0, 0.02 * np.sin(N * N * 0.013)),
        "with shocks": shocks,
    }
    return known[name]


def curve(daily: Floats) -> Floats:
    grown: Floats = np.cumprod(np.concatenate([[1.0], 1 + daily]))
    return 1000 * grown


def measured(name: str) -> Performance:
    return measure(
        curve=(np.arange(DAYS + 1, dtype=np.int64) * DAY_MS, curve(returns(name))),
        trades=TradeColumns(np.empty(0), np.empty(0), np.empty(0)),
        benchmark=curve(BENCHMARK),
    )


def ours(name: str, metric: str) -> float:
    value = measured(name).value(metric)
    assert value is not None
    return value


def _shortfall(normal: NormalDist) -> float:
    """Mean of the worst 5 % of a normal."""
    density = NormalDist().pdf(NormalDist().inv_cdf(0.05))
    return normal.mean - normal.stdev * density / 0.05


def exactly(value: float) -> object:
    return pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("metric", "theirs"), AGREED.items())
def test_a_metric_is_that_of_quantstats(name: str, metric: str, theirs: str) -> None:
    assert ours(name, metric) == exactly(RECORDED["curves"][name][theirs])


@pytest.mark.parametrize("name", NAMES)
def test_drawdowns_are_those_of_quantstats_with_the_other_sign(name: str) -> None:
    told = RECORDED["curves"][name]

    assert ours(name, "max_drawdown") == exactly(-told["max_drawdown"])
    assert ours(name, "avg_drawdown") == exactly(-told["drawdown_mean"] / 100)
    # From peak to new peak, where quantstats counts the days below: one less if it ended.
    days = ours(name, "longest_drawdown_s") / 86_400
    assert days - told["drawdown_days"] in {0, 1}


@pytest.mark.parametrize("name", NAMES)
def test_what_differs_from_quantstats_differs_by_its_formula_only(name: str) -> None:
    told, daily, n = RECORDED["curves"][name], returns(name), DAYS

    normal = NormalDist(float(daily.mean()), float(daily.std(ddof=1)))
    excess = ours(name, "kurtosis") - 3
    daily_alpha = (1 + ours(name, "alpha")) ** (1 / 365) - 1
    assert told["value_at_risk"] == exactly(normal.inv_cdf(0.05))
    assert told["cvar"] == exactly(_shortfall(normal))
    assert told["ulcer_index"] == exactly(ours(name, "ulcer") * math.sqrt((n + 1) / (n - 1)))
    assert told["skew"] == exactly(ours(name, "skew") * math.sqrt(n * (n - 1)) / (n - 2))
    assert told["kurtosis"] == exactly((n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * excess + 6))
    assert told["recovery_factor"] == exactly(abs(daily.sum()) / ours(name, "max_drawdown"))
    assert told["alpha"] == exactly(daily_alpha * 365)
    assert told["exposure"] == exactly(math.ceil(np.mean(daily != 0) * 100) / 100)


def test_trades_are_summed_up_as_quantstats_sums_up_returns() -> None:
    pnl, told = np.array(TRADES), RECORDED["trades"]
    run = measure(curve=[], trades=TradeColumns(pnl, np.zeros(10), np.zeros(10)))

    for metric, theirs in {
        "win_rate": "win_rate",
        "payoff": "payoff_ratio",
        "profit_factor": "profit_factor",
        "win_streak": "consecutive_wins",
        "loss_streak": "consecutive_losses",
        "best_trade": "best",
        "worst_trade": "worst",
    }.items():
        assert run.value(metric) == exactly(told[theirs]), metric


def test_the_page_says_of_each_metric_how_it_compares() -> None:
    table = PAGE.read_text().split("## Beside quantstats")[1].split("\n## ")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| `")]

    named = [name.strip(" `") for row in rows for name in row.split(",")]
    assert sorted(named) == sorted(DEFINITIONS)
