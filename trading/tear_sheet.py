"""The report of a simulation as plain data: what pages, exports and certificates share. Pure.

Everything in it is JSON, and the same inputs give the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson

from marketdata.bars import Floats, Ints
from trading.evidence.assess import with_opening
from trading.evidence.found import Evidence
from trading.metrics import Performance, daily_returns, drawdown_curve
from trading.simulation import REASONS, Run, measure_run

FORMAT = 1
POINTS = 1_500  # of a curve, its extremes kept
BUCKETS = 41
ROLLING_DAYS = 60
MOST_ROWS = 20_000  # of trades and fills; more is only counted
DUST = 1e-9  # of equity: what rounding leaves of a position that was sold


@dataclass(frozen=True, slots=True)
class Runs:
    """What was simulated, on the same candles and with the same costs."""

    candidate: Run
    inside: Run  # of the candidate, each begun anew: a limit that was reached in the one
    outside: Run  # must not keep it out of the other
    baseline: Run | None
    held: Run  # buy and hold
    split_ms: int


def build(runs: Runs, evidence: Evidence, inputs: dict[str, Any]) -> dict[str, Any]:
    """The report: `inputs` as they are, both sides, buy and hold, evidence, verdict."""
    told = evidence.to_json()
    return {
        "format": FORMAT,
        **inputs,
        "split_ms": runs.split_ms,
        "candidate": _candidate(runs),
        "baseline": None if runs.baseline is None else _side(runs.baseline, runs),
        "buy_and_hold": {
            "equity": _curve(*with_opening(runs.held)),
            "metrics": _metrics(measure_run(runs.held)),
        },
        "verdict": told.pop("verdict"),
        "evidence": told,
    }


def to_bytes(report: dict[str, Any]) -> bytes:
    """Canonical JSON: sorted keys, no spaces."""
    return orjson.dumps(report, option=orjson.OPT_SORT_KEYS)


def digest(content: bytes) -> str:
    """sha256 of a report's bytes: its name and its proof."""
    return hashlib.sha256(content).hexdigest()


def packed(content: bytes) -> bytes:
    """As kept on disk; the same bytes each time."""
    return gzip.compress(content, 6, mtime=0)


def unpacked(content: bytes) -> bytes:
    """The other way round."""
    return gzip.decompress(content)


def headline(report: dict[str, Any]) -> dict[str, Any]:
    """The few numbers that lists show."""
    names = ("total_return", "sharpe", "max_drawdown", "win_rate", "trades", "composite")
    sides = {"candidate": report["candidate"], "baseline": report["baseline"]}
    return {
        side: {
            metric["name"]: metric["value"]
            for metric in content["metrics"]["whole"]
            if metric["name"] in names
        }
        for side, content in sides.items()
        if content
    }


def _candidate(runs: Runs) -> dict[str, Any]:
    side = _side(runs.candidate, runs)
    side["metrics"] |= {
        "in_sample": _metrics(measure_run(runs.inside)),
        "out_of_sample": _metrics(measure_run(runs.outside)),
    }
    return side


def _side(run: Run, runs: Runs) -> dict[str, Any]:
    curve = with_opening(run)
    daily = daily_returns(curve)
    return {
        "metrics": {"whole": _metrics(measure_run(run, benchmark=_aligned(runs.held, run)))},
        "equity": _curve(*curve),
        "monthly": _monthly(*curve),
        "daily_returns": _histogram(daily),
        "rolling_sharpe": _rolling(curve[0], daily),
        "trades": _trades(run),
        "fills": _fills(run),
        "counts": asdict(run.counts),
        "exposure": _exposure(run.exposure),
    }


def _exposure(shares: Floats) -> dict[str, float]:
    """Of the fractions of equity in positions at all closes; {} without closes."""
    if not len(shares):
        return {}
    told = {
        "mean": shares.mean(),
        "p95": np.percentile(shares, 95),
        "most": shares.max(),
        "in_market": (shares > DUST).mean(),
    }
    return {name: round(float(value), 10) for name, value in told.items()}


def _aligned(held: Run, run: Run) -> Floats | None:
    return held.equity if len(held.equity) == len(run.equity) else None


def _metrics(performance: Performance) -> list[dict[str, Any]]:
    return [asdict(metric) for metric in performance.metrics]


def _curve(at_ms: Ints, equity: Floats) -> list[list[float]]:
    """[close_ms, equity, drawdown], thinned to the extremes of equal stretches."""
    if not len(at_ms):
        return []
    fall = drawdown_curve(equity)
    kept = _extremes(equity)
    return [[int(at_ms[i]), round(float(equity[i]), 8), round(float(fall[i]), 8)] for i in kept]


def _extremes(values: Floats) -> Ints:
    """First, last, and of each stretch the lowest and the highest."""
    n = len(values)
    if n <= POINTS:
        return np.arange(n, dtype=np.int64)
    edges = np.linspace(0, n, POINTS // 2, dtype=np.int64)
    picked = {0, n - 1}
    for start, stop in itertools.pairwise(edges):
        part = values[start:stop]
        picked.update((int(start + part.argmin()), int(start + part.argmax())))
    return np.array(sorted(picked), np.int64)


def _monthly(at_ms: Ints, equity: Floats) -> list[list[float]]:
    """[year, month, return] of each UTC month; a close at midnight belongs to the day before."""
    if not len(at_ms):
        return []
    edge = np.array([at_ms[0] - 1, at_ms[-1] - 1]).astype("datetime64[ms]").astype("datetime64[M]")
    months = np.arange(edge[0], edge[1] + 1)
    ends = (months + 1).astype("datetime64[ms]").astype(np.int64)
    last = np.searchsorted(at_ms, ends, side="right") - 1
    with_bars = np.flatnonzero(np.diff(last, prepend=-1))
    closes = np.concatenate([equity[:1], equity[last[with_bars]]])
    gained = closes[1:] / closes[:-1] - 1
    return [
        [1970 + int(month) // 12, int(month) % 12 + 1, round(float(value), 10)]
        for month, value in zip(months[with_bars].astype(np.int64), gained, strict=True)
    ]


def _histogram(every: Floats) -> dict[str, list[float]]:
    """Of days with a change: those out of the market would hide the others."""
    daily = every[every != 0]
    if len(daily) < 2:
        return {"edges": [], "counts": []}
    widest = max(float(np.abs(np.percentile(daily, [0.5, 99.5])).max()), 1e-6)
    edges = np.linspace(-widest, widest, BUCKETS + 1)
    counts, _ = np.histogram(np.clip(daily, -widest, widest), edges)
    return {"edges": [round(float(each), 10) for each in edges], "counts": counts.tolist()}


def _rolling(at_ms: Ints, daily: Floats) -> list[list[float | None]]:
    """[ms of the day's end, annual Sharpe of the last ROLLING_DAYS days]."""
    if len(daily) < ROLLING_DAYS:
        return []
    windows = np.lib.stride_tricks.sliding_window_view(daily, ROLLING_DAYS)
    deviation = windows.std(axis=1, ddof=1)
    mean = windows.mean(axis=1)
    first_day = int((at_ms[1] - 1) // 86_400_000)
    step = max(len(windows) // 500, 1)
    rows: list[list[float | None]] = []
    for i in range(0, len(windows), step):
        end_ms = (first_day + ROLLING_DAYS + i) * 86_400_000
        varies = deviation[i] > 1e-12
        value = round(float(mean[i] / deviation[i] * 365**0.5), 6) if varies else None
        rows.append([end_ms, value])
    return rows


def _trades(run: Run) -> list[dict[str, Any]]:
    trades = run.trades
    return [
        {
            "symbol": run.symbols[int(trades.lane[i])],
            "opened_ms": int(trades.opened_ms[i]),
            "closed_ms": int(trades.closed_ms[i]),
            "entry_price": float(trades.entry_price[i]),
            "exit_price": float(trades.exit_price[i]),
            "qty": float(trades.qty[i]),
            "pnl": round(float(trades.pnl[i]), 8),
            "return": float(trades.pnl[i] / (trades.entry_price[i] * trades.qty[i])),
            "fees": round(float(trades.fees[i]), 8),
            "slippage": round(float(trades.slippage[i]), 8),
            "exit_reason": REASONS[int(trades.exit_reason[i])].value,
        }
        for i in range(min(len(trades.pnl), MOST_ROWS))
    ]


def _fills(run: Run) -> list[dict[str, Any]]:
    return [
        {
            "at_ms": fill.at_ms,
            "symbol": fill.symbol,
            "side": fill.side,
            "qty": f"{fill.qty:f}",
            "price": f"{fill.price:f}",
            "fee": f"{fill.fee:f}",
            "maker": fill.maker,
            "reason": fill.reason,
        }
        for fill in run.fill_rows()[:MOST_ROWS]
    ]


def instant(ms: int) -> str:
    """A time for people who read the file without the console."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
