"""Files whose row is gone, or never came."""

from __future__ import annotations

from datetime import datetime, timedelta

from marketdata import datasets
from trading import artifacts
from trading.models import Simulation

YOUNG = timedelta(days=1)  # its row may still come
AT_ONCE = 500


def prune_artifacts(*, now: datetime) -> int:
    """Remove reports that no simulation names, and halves of files; how many.

    Nothing younger than a day, and a part at a time, so that it never takes long.
    """
    before_s = (now - YOUNG).timestamp()
    old = list(artifacts.older_than(artifacts.SIMULATIONS, before_s))
    dropped = 0
    for first in range(0, len(old), AT_ONCE):
        part = old[first : first + AT_ONCE]
        named = Simulation.objects.filter(report_hash__in=[digest for digest, _ in part if digest])
        kept = set(named.values_list("report_hash", flat=True))
        for digest, path in part:
            if digest not in kept:
                path.unlink(missing_ok=True)
                dropped += 1
    return dropped + datasets.drop_halves(before_s=before_s)
