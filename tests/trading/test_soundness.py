"""A strategy that cheats is found by every way that makes a result of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.evidence_rates import EDGE, Market, walk
from marketdata.bars import Bars, Floats
from strategies import registry
from strategies import services as strategy_services
from strategies.protocol import Params, Strategy, bar_count
from tests.scenarios.replays import NOW, WILD, imported
from tests.trading.test_assess import assessed
from trading import queries, services
from trading.errors import SearchInvalid
from trading.evidence.soundness import unsound
from trading.evidence.verdict import Colour
from trading.models import Job

N = 6_000


class OneParams(Params):
    period: int = bar_count(20, "Period", "Bars.", ge=2, le=60)


class Honest(Strategy[OneParams]):
    """Long above the average of the last bars."""

    name = "honest"
    title = description = "Above its average"
    params_model = OneParams

    def warmup(self, params: OneParams) -> int:
        return params.period

    def wanted(self, bars: Bars, params: OneParams) -> Floats:
        return np.asarray(bars.close > averages(bars.close, params.period), np.float64)

    def targets(self, bars: Bars, params: OneParams) -> Floats:
        found = self.wanted(bars, params) if len(bars) else np.empty(0)
        found[: self.warmup(params) - 1] = np.nan
        return found


class NextBar(Honest):
    """Knows the next close."""

    def wanted(self, bars: Bars, params: OneParams) -> Floats:
        return np.asarray(np.append(bars.close[1:], bars.close[-1]) > bars.close, np.float64)


class WholeMean(Honest):
    """Normalises with the mean and deviation of the whole series."""

    def wanted(self, bars: Bars, params: OneParams) -> Floats:
        score = (bars.close - bars.close.mean()) / (bars.close.std() or 1.0)
        return np.asarray(score < -0.5, np.float64)


class UnfinishedDay(Honest):
    """Above the average of daily closes, each known from its day's first hour on."""

    def wanted(self, bars: Bars, params: OneParams) -> Floats:
        day = bars.open_ms // 86_400_000
        last = np.searchsorted(day, day, side="right") - 1
        closes = bars.close[np.unique(last)]
        above = closes > averages(closes, 5)
        return np.asarray(above[day - day[0]], np.float64)

    def warmup(self, params: OneParams) -> int:
        return 24 * 6


class CentredAverage(Honest):
    def wanted(self, bars: Bars, params: OneParams) -> Floats:
        middle = np.minimum(np.arange(len(bars)) + params.period // 2, len(bars) - 1)
        centred = averages(bars.close, params.period)[middle]
        return np.asarray(bars.close > centred, np.float64)


class OddRows(Honest):
    """Knows the next close, on odd rows only."""

    def wanted(self, bars: Bars, params: OneParams) -> Floats:
        found = super().wanted(bars, params)
        ahead = np.append(bars.close[1:], bars.close[-1])
        found[1::2] = (ahead > bars.close)[1::2]
        return found


class ShortWarmUp(Honest):
    """Declares half of the bars that its average is made of."""

    def warmup(self, params: OneParams) -> int:
        return params.period // 2


class AlmostWarm(Honest):
    """Declares one bar less than its average is made of."""

    def warmup(self, params: OneParams) -> int:
        return params.period - 1


class Exponential(Honest):
    """An average that remembers all, said to need as many bars as its period."""

    def wanted(self, bars: Bars, params: OneParams) -> Floats:
        smooth, kept = np.empty(len(bars)), 1 - 2 / (params.period + 1)
        here = bars.close[0]
        for row, close in enumerate(bars.close):
            here = kept * here + (1 - kept) * close
            smooth[row] = here
        return np.asarray(bars.close > smooth, np.float64)


class Settled(Exponential):
    """The same with as many bars as leave a millionth of the first."""

    def warmup(self, params: OneParams) -> int:
        return 7 * params.period + 2


def averages(values: Floats, period: int) -> Floats:
    """Means of the last `period` values, of fewer at the start."""
    sums = np.cumsum(np.insert(values, 0, 0.0))
    last = np.arange(1, len(values) + 1)
    first = np.maximum(last - period, 0)
    return np.asarray((sums[last] - sums[first]) / (last - first))


CHEATS = [NextBar, WholeMean, UnfinishedDay, CentredAverage, OddRows]
EARLY = [ShortWarmUp, AlmostWarm, Exponential]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", CHEATS)
def test_a_view_of_the_future_is_found(kind: type[Honest], seed: int) -> None:
    ahead, _ = unsound(kind(), OneParams(), [walk(seed, N)])

    assert ahead > 0


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", EARLY)
def test_a_warm_up_that_is_too_short_is_found(kind: type[Honest], seed: int) -> None:
    ahead, early = unsound(kind(), OneParams(), [walk(seed, N)])

    assert ahead == 0
    assert early > 0


@pytest.mark.parametrize("kind", [Honest, Settled])
def test_what_is_honest_passes(kind: type[Honest]) -> None:
    for seed in range(8):
        assert unsound(kind(), OneParams(), [walk(seed, N), walk(seed + 50, 900)]) == (0, 0)


@pytest.mark.parametrize("name", sorted(registry.STRATEGIES))
def test_what_is_built_in_passes(name: str) -> None:
    strategy = registry.get(name)

    assert unsound(strategy, strategy.validated({}), [walk(3, N, edge=EDGE)]) == (0, 0)


def test_too_few_candles_show_nothing() -> None:
    assert unsound(NextBar(), OneParams(), [walk(1, 3)]) == (0, 0)
    assert unsound(ShortWarmUp(), OneParams(period=60), [walk(1, 30)]) == (0, 0)


@pytest.mark.parametrize(
    ("kind", "code"),
    [(NextBar, "look_ahead"), (UnfinishedDay, "look_ahead"), (ShortWarmUp, "warm_up")],
)
def test_the_verdict_of_a_cheat_is_red(kind: type[Honest], code: str) -> None:
    market = Market(walk(1, N), "sma_cross")
    market.strategy = kind()

    found = assessed(market, strategy=market.strategy, candidate=OneParams())

    told = {reason.code: reason.colour for reason in found.verdict.reasons}
    assert told[code] == found.verdict.colour == Colour.RED


@pytest.fixture
def cheating(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strategies of ours beside those there are."""
    ours = {"honest": Honest(), "next_bar": NextBar(), "short": ShortWarmUp()}
    for name, strategy in ours.items():
        monkeypatch.setattr(strategy, "name", name)
    monkeypatch.setattr(registry, "STRATEGIES", {**registry.STRATEGIES, **ours})


def asked(**changes: Any) -> dict[str, Any]:
    services.ensure_system_state(now=NOW)
    strategy_services.sync_strategies(now=NOW)
    symbol, timeframe, stored = imported(WILD)
    return {
        "symbols": [str(symbol)],
        "timeframe": timeframe,
        "from_ms": stored.from_ms + 2 * 86_400_000,
        "to_ms": stored.to_ms,
        **changes,
    }


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "code"), [("next_bar", "look_ahead"), ("short", "warm_up")])
def test_a_simulation_of_a_cheat_is_red_whatever_it_earns(
    cheating: None, name: str, code: str
) -> None:
    row = services.simulate_strategy(strategy=name, asked=asked(), by=None, now=NOW)
    assert not services.run_job(job_id=row.job_id, now=NOW)

    report = queries.report_of(queries.simulation(row.pk))
    assert queries.simulation(row.pk).verdict == "RED"
    assert report["evidence"][code] > 0


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["grid", "tpe"])
@pytest.mark.parametrize(("name", "why"), [("next_bar", "looks ahead"), ("short", "too short")])
def test_a_search_among_parameters_of_a_cheat_fails(
    cheating: None, name: str, why: str, method: str
) -> None:
    space = {"period": {"low": 10, "high": 30, "step": 2}}
    row = services.search_strategy(
        strategy=name,
        asked=asked(space=space, objective="total_return", method=method, trials=8),
        by=None,
        now=NOW,
    )
    services.run_search(search_id=row.pk, now=NOW)

    job = Job.objects.get(pk=row.job_id)
    assert job.status == Job.Status.FAILED
    assert why in job.message
    assert queries.search(row.pk).tried == 0


@pytest.mark.django_db
def test_a_search_among_honest_parameters_is_not_hindered(cheating: None) -> None:
    space = {"period": {"values": [10, 20]}}
    row = services.search_strategy(
        strategy="honest", asked=asked(space=space, objective="total_return"), by=None, now=NOW
    )
    while services.run_search(search_id=row.pk, now=NOW):
        pass

    assert queries.search(row.pk).tried == 2


@pytest.mark.django_db
def test_a_cheat_is_neither_walked_nor_cross_validated(cheating: None) -> None:
    given = asked()
    how: dict[str, Any] = {
        "folds": 2,
        "rolling": False,
        "trials": 0,
        "objective": "total_return",
        "now": NOW,
    }
    with pytest.raises(SearchInvalid, match="next_bar looks ahead"):
        services.walk_strategy(strategy="next_bar", asked=given, **how)
    with pytest.raises(SearchInvalid, match="short is too short"):
        services.cross_validate_strategy(strategy="short", params={}, ranges=2, **given)
