"""Bayesian search by Optuna's tree-structured Parzen estimator; imported when it is used.

Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strategies.protocol import Params
from trading.optimiser.space import Space

Tried = Sequence[tuple[dict[str, Any], float | None]]  # parameters of the axes, score


def ask(space: Space, tried: Tried, *, count: int, seed: int) -> list[Params]:
    """The next parameter sets to try, given all that were; the same for the same seed.

    Fewer than `count` come where the space has no others that are valid.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed + len(tried), constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    ranges: dict[str, Any] = {
        axis.name: optuna.distributions.CategoricalDistribution(axis.values)
        if len(axis.values) < 3
        else optuna.distributions.IntDistribution(0, len(axis.values) - 1)
        for axis in space.axes
    }
    places = {axis.name: {value: at for at, value in enumerate(axis.values)} for axis in space.axes}
    for values, score in tried:
        if score is None:
            continue
        coded = {
            axis.name: values[axis.name]
            if len(axis.values) < 3
            else places[axis.name][values[axis.name]]
            for axis in space.axes
        }
        study.add_trial(optuna.trial.create_trial(params=coded, distributions=ranges, value=score))
    return _asked(study, space, ranges, tried, count)


def _asked(study: Any, space: Space, ranges: Any, tried: Tried, count: int) -> list[Params]:
    known = {tuple(sorted(values.items())) for values, _ in tried}
    found: list[Params] = []
    for _ in range(count * 10):
        trial = study.ask(ranges)
        values = {
            axis.name: trial.params[axis.name]
            if len(axis.values) < 3
            else axis.values[trial.params[axis.name]]
            for axis in space.axes
        }
        key = tuple(sorted(values.items()))
        params = space.params(values)
        if params is None or key in known:
            study.tell(trial, state=_failed())
            continue
        known.add(key)
        found.append(params)
        if len(found) == count:
            break
    return found


def _failed() -> Any:
    import optuna

    return optuna.trial.TrialState.FAIL
