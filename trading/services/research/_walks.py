"""Walk forward over stored candles, with a search before each fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from marketdata.queries import resolve_symbol, timeframe_of
from strategies import queries as strategy_queries
from strategies import registry
from strategies.protocol import Params
from trading import metrics
from trading.errors import SearchInvalid
from trading.evidence.assess import with_opening
from trading.evidence.holding import longest_holding
from trading.evidence.sharpe import Moments
from trading.evidence.walk_forward import WalkForward, folds_of, walk_forward
from trading.metrics import daily_returns
from trading.models import Simulation
from trading.optimiser import tpe
from trading.optimiser.space import Space, space_of
from trading.optimiser.tpe import Tried
from trading.services._knobs import checked_knobs
from trading.services.research._soundness import refuse_unsound
from trading.services.research._stretches import Stage, stage_of
from trading.services.research._trials import count_trials
from trading.simulation import measure_run

ROUND = 16
MOST_FOLDS = 50


def walk_strategy(
    *,
    strategy: str,
    asked: Mapping[str, Any],
    folds: int,
    rolling: bool,
    trials: int,
    objective: str,
    now: datetime,
    progress: Callable[[float], None] = lambda share: None,
) -> WalkForward:
    """Judge the active version (`trials` 0), or what a search finds before each fold.

    A search ends earlier than its fold begins, by the longest holding of the active version.
    Nothing is stored but the count of trials. Refuses SearchInvalid, NothingStored.
    """
    _check(asked, folds, objective)
    version = strategy_queries.active_version(strategy_queries.strategy_called(strategy).name)
    params = strategy_queries.params_of(version)
    stage = stage_of(
        _stretch(asked), registry.get(version.strategy.name), params=[params], fill_at="next_open"
    )
    refuse_unsound(stage, params)
    sharpes: list[float] = []

    def choose(from_ms: int, to_ms: int) -> Params:
        return _best(stage, space_of(params, {}), (from_ms, to_ms), trials, objective, sharpes)

    span = asked["from_ms"], asked["to_ms"]
    purge_ms = longest_holding(stage.run(params, *span)) if trials else 0
    parts = folds_of(*span, folds=folds, anchored=not rolling, purge_ms=purge_ms)
    if not parts:
        raise SearchInvalid("Positions are held for longer than a fold: nothing is left to search.")
    walked = walk_forward(
        stage.run,
        folds=parts,
        candidate=params,
        choose=choose if trials else None,
        progress=progress,
    )
    count_trials(version.strategy, sharpes)
    return walked


def _best(
    stage: Stage,
    space: Space,
    span: tuple[int, int],
    trials: int,
    objective: str,
    sharpes: list[float],
) -> Params:
    """What a Bayesian search finds on the training part; the start where nothing has a score."""
    tried: list[tuple[dict[str, Any], float | None]] = []
    best: tuple[float, Params] = (float("-inf"), space.start)
    while len(tried) < trials:
        seen: Tried = tried
        count = min(ROUND, trials - len(tried))
        asked = tpe.ask(space, seen, count=count, seed=span[1] % 2**31)
        if not asked:
            break
        for params in asked:
            run = stage.run(params, *span)
            score = measure_run(run).value(objective)
            values = params.model_dump()
            tried.append(({axis.name: values[axis.name] for axis in space.axes}, score))
            moments = Moments.of(daily_returns(with_opening(run)))
            sharpes.append(moments.sharpe if moments else 0.0)
            if score is not None and score > best[0]:
                best = (score, params)
    return best[1]


def _stretch(asked: Mapping[str, Any]) -> Simulation:
    """What is asked for, as a row that is never saved."""
    return Simulation(
        symbols=[str(resolve_symbol(text)) for text in asked["symbols"]],
        timeframe=timeframe_of(asked["timeframe"]),
        from_ms=asked["from_ms"],
        to_ms=asked["to_ms"],
        knobs=checked_knobs({}).stored(),
        starting_cash=Decimal(settings.ENV.trading_paper_starting_equity),
    )


def _check(asked: Mapping[str, Any], folds: int, objective: str) -> None:
    wrong: dict[str, object] = {}
    if objective not in metrics.DEFINITIONS:
        wrong["objective"] = [f"One of {', '.join(metrics.DEFINITIONS)}."]
    if not 1 <= folds <= MOST_FOLDS:
        wrong["folds"] = [f"Between 1 and {MOST_FOLDS}."]
    if asked["from_ms"] >= asked["to_ms"]:
        wrong["to"] = ["The end must come after the start."]
    if wrong:
        raise SearchInvalid("This can't be walked.", fields=wrong)
