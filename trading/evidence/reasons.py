"""The checks of a candidate, each with what it found. Pure."""

from __future__ import annotations

from dataclasses import replace

from trading.evidence.found import Evidence
from trading.evidence.verdict import Colour, Reason, Thresholds, at_least, at_most
from trading.evidence.walk_forward import FOLDS

# Texts say what a check means to somebody who decides about money.
AHEAD = "Targets change when the future is cut off: the strategy looks ahead."
EARLY = "Targets change with a longer past: the declared warm-up is too short."
TRADES = "Round trips out of sample; fewer prove little."
LENGTH = "Days of data, against those needed to tell this Sharpe ratio from 0 at 95 %."
DEFLATED = "Probability that the Sharpe ratio is more than the luck of the best of all trials."
OVERFIT = "How often the best parameters of one half are below the median in the other."
KEPT = "Sharpe ratio out of sample over the one in sample."
BEATEN = "Share of walk-forward folds in which it earns more than the baseline."
MEDIAN = "Median return of the walk-forward folds."
DEEPER = "How much deeper the maximum drawdown is than the baseline's, relative to it."
UNFALLEN = (
    "The baseline fell by {fell:.2%} only: how much deeper the maximum drawdown is than the floor "
    "of {floor:.2%}, relative to it."
)
FEWER = "Only {left} of {asked} folds are left: positions are held too long to keep parts apart."
PLATEAU = "The largest part of the return that a change of one parameter by a tenth costs."
COSTS = "Total return with fees, spread and slippage doubled."
EARNED = "Total return after all costs."


def of(found: Evidence, asked: Thresholds) -> list[Reason]:
    """One reason for each check."""
    return [*_sound(found), *_significant(found, asked), *_robust(found, asked)]


def _sound(found: Evidence) -> list[Reason]:
    return [
        _none("look_ahead", "Look-ahead", found.look_ahead, AHEAD),
        _none("warm_up", "Warm-up", found.warm_up, EARLY),
    ]


def _none(code: str, title: str, count: int, text: str) -> Reason:
    colour = Colour.RED if count else Colour.GREEN
    return Reason(code, title, float(count), 0.0, colour, text if count else "None found.")


def _significant(found: Evidence, asked: Thresholds) -> list[Reason]:
    days = float(found.moments.n) if found.moments else 0.0
    needed = found.min_trl_days
    return [
        at_least(
            "trades",
            "Trades out of sample",
            float(found.trades_outside),
            green=asked.min_trades,
            amber=asked.few_trades,
            text=TRADES,
        ),
        at_least("earned", "Return", found.plateau.own, green=1e-12, amber=1e-12, text=EARNED),
        Reason("track_record", "Track record", days, None, Colour.RED, LENGTH)
        if needed is None
        else at_least("track_record", "Track record", days, green=needed, amber=None, text=LENGTH),
        at_least(
            "dsr",
            "Deflated Sharpe ratio",
            found.dsr,
            green=asked.dsr_green,
            amber=asked.dsr_amber,
            text=DEFLATED,
        ),
        _overfit(found, asked),
    ]


def _overfit(found: Evidence, asked: Thresholds) -> Reason:
    """Where all parameters earn alike the ranks are chance, and a high PBO is no harm."""
    alike = found.pbo_loss is not None and found.pbo_loss < asked.pbo_loss
    return at_most(
        "pbo",
        "Probability of overfitting",
        found.pbo,
        green=asked.pbo_green,
        amber=None if alike else asked.pbo_amber,
        text=OVERFIT,
    )


def _robust(found: Evidence, asked: Thresholds) -> list[Reason]:
    kept = None
    if found.sharpe_inside and found.sharpe_inside > 0 and found.sharpe_outside is not None:
        kept = found.sharpe_outside / found.sharpe_inside
    checks = [
        at_least("kept", "Kept out of sample", kept, green=asked.sharpe_kept, amber=0.0, text=KEPT),
        _folds(found),
        at_most(
            "plateau",
            "Plateau",
            found.plateau.lost,
            green=asked.edge_lost,
            amber=None,
            text=PLATEAU,
        ),
        at_least("costs", "Costs doubled", found.doubled_costs, green=0.0, amber=None, text=COSTS),
    ]
    return [*checks, *_compared(found, asked)]


def _folds(found: Evidence) -> Reason:
    """Fewer folds than asked for warn, however well they did."""
    left = len(found.walk.steps)
    reason = at_least("folds", "Median fold", found.walk.median, green=0.0, amber=None, text=MEDIAN)
    if left >= FOLDS:
        return reason
    text = f"{reason.text} {FEWER.format(left=left, asked=FOLDS)}"
    return replace(reason, colour=Colour.AMBER, text=text)


def _compared(found: Evidence, asked: Thresholds) -> list[Reason]:
    """Against the baseline, where there is one."""
    checks = []
    if found.walk.beats_baseline is not None:
        checks.append(
            at_least(
                "beaten",
                "Folds that beat the baseline",
                found.walk.beats_baseline,
                green=asked.folds_beaten,
                amber=None,
                text=BEATEN,
            )
        )
    if found.baseline_drawdown is not None:
        checks.append(_deeper(found.drawdown, found.baseline_drawdown, asked))
    return checks


def _deeper(own: float, baseline: float, asked: Thresholds) -> Reason:
    """Against a baseline that hardly fell every fall is endlessly deeper: then the floor counts."""
    floor, limit = asked.drawdown_floor, asked.drawdown_worse
    against = max(baseline, floor)
    worse = own / against - 1 if against > 0 else float(own > 0)
    text = UNFALLEN.format(fell=baseline, floor=floor) if baseline < floor else DEEPER
    return at_most("drawdown", "Drawdown", worse, green=limit, amber=limit * 5, text=text)
