"""Simulation: the numeric engine. Pure, deterministic, no database, no clock, no network.

from trading.simulation import simulate
run = simulate(bars, "trend_ema", {"fast": 10}, timeframe="5m")
"""

from trading.simulation.engine import NotSimulable, run
from trading.simulation.measured import measure_run, score_run
from trading.simulation.run import (
    DENIALS,
    REASONS,
    Counts,
    FillAt,
    FillRow,
    Fills,
    Lane,
    Rules,
    Run,
    Trades,
)
from trading.simulation.simulate import lane_of, likely_filters, simulate, warm
from trading.simulation.sweep import sweep

__all__ = [
    "DENIALS",
    "REASONS",
    "Counts",
    "FillAt",
    "FillRow",
    "Fills",
    "Lane",
    "NotSimulable",
    "Rules",
    "Run",
    "Trades",
    "lane_of",
    "likely_filters",
    "measure_run",
    "run",
    "score_run",
    "simulate",
    "sweep",
    "warm",
]
