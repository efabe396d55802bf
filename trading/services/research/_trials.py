"""How many parameter sets a strategy was tried with. The count only ever grows."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from strategies.models import Strategy
from trading.evidence.found import Trials
from trading.models import TrialCount


def trials_of(strategy: Strategy) -> Trials:
    """All trials so far."""
    row = TrialCount.objects.filter(strategy=strategy).first()
    return Trials(row.n, row.mean, row.m2) if row else Trials(0)


def count_trials(strategy: Strategy, sharpes: Sequence[float]) -> Trials:
    """Add the per-period in-sample Sharpes of new trials; what there is then."""
    if not sharpes:
        return trials_of(strategy)
    with transaction.atomic():
        TrialCount.objects.get_or_create(strategy=strategy)
        row = TrialCount.objects.select_for_update().get(strategy=strategy)
        total = merged(Trials(row.n, row.mean, row.m2), sharpes)
        row.n, row.mean, row.m2 = total.n, total.mean, total.m2
        row.save(update_fields=["n", "mean", "m2"])
    return total


def merged(trials: Trials, sharpes: Sequence[float]) -> Trials:
    """Welford's update, one by one."""
    n, mean, m2 = trials.n, trials.mean, trials.m2
    for sharpe in sharpes:
        n += 1
        delta = sharpe - mean
        mean += delta / n
        m2 += delta * (sharpe - mean)
    return Trials(n, mean, m2)
