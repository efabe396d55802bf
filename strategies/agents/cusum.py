"""Notices that the mean return has changed (Page, Continuous Inspection Schemes, 1954)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log
from statistics import fmean, stdev

from strategies.agents.protocol import (
    Agent,
    AgentParams,
    Look,
    Note,
    NothingToDo,
    Seen,
    amount,
)

BASE_BARS = 90  # what is usual is learnt from these
WATCHED_BARS = 30  # and a change looked for in these
FRESH_BARS = 3  # an older change was noticed when it was fresh


class CusumParams(AgentParams):
    slack: float = amount(
        0.5, "Slack", "Half the change that matters.", ge=0, le=5, unit="standard deviations"
    )
    alarm: float = amount(
        8.0, "Alarm", "Sum at which a change is certain.", ge=1, le=100, unit="standard deviations"
    )


class Cusum(Agent[CusumParams]):
    name = "cusum"
    title = "Change point"
    description = "Cumulative sums of one-minute returns find a change of their mean."
    interval_s = 60.0
    window_s = 900.0
    params_model = CusumParams

    def look(self, look: Look, params: CusumParams) -> Seen:
        closes = [row[4] for row in look.bars.get("1m", ())][-(BASE_BARS + WATCHED_BARS + 1) :]
        if len(closes) < BASE_BARS + WATCHED_BARS:
            raise NothingToDo(f"needs {BASE_BARS + WATCHED_BARS} one-minute bars")
        returns = [log(after / before) for before, after in pairwise(closes)]
        base, watched = returns[:-WATCHED_BARS], returns[-WATCHED_BARS:]
        spread = stdev(base)
        if spread == 0:
            raise NothingToDo("the price stands still")
        mean = fmean(base)
        found = alarm_in([(one - mean) / spread for one in watched], params)
        if found is None or WATCHED_BARS - 1 - found[0] >= FRESH_BARS:
            return Seen()
        place, total = found
        details = {
            "bars_ago": WATCHED_BARS - 1 - place,
            "sum": total,
            "mean_bps_before": mean * 10_000,
            "price": closes[-1],
        }
        label = "mean_up" if total > 0 else "mean_down"
        return Seen([Note(label, abs(total) / params.alarm, details)])


def alarm_in(values: Sequence[float], params: CusumParams) -> tuple[int, float] | None:
    """(place, signed sum) of the last alarm in standardised values; None for none.

    S+ = max(0, S+ + z - k), S- = max(0, S- - z - k); an alarm at h starts both anew.
    """
    up = down = 0.0
    found: tuple[int, float] | None = None
    for place, value in enumerate(values):
        up, down = max(0.0, up + value - params.slack), max(0.0, down - value - params.slack)
        if max(up, down) >= params.alarm:
            found = (place, up if up >= down else -down)
            up = down = 0.0
    return found
