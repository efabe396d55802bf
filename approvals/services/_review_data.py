"""What a review may see: nothing from the part of its stretch that is out of sample."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from approvals.advisor import gate
from approvals.advisor.facts import short
from approvals.advisor.gate import Bound, Change, Ground
from approvals.advisor.rules import Seen
from approvals.models import Review, Suggestion
from config import clock
from strategies import queries as strategy_queries
from strategies import registry
from strategies.errors import ParamsInvalid
from strategies.models import Finding
from trading.models import BotDrift, Trade
from trading.services import InSample, measure_in_sample, split_ms

SHOWN = [
    "total_return",
    "annual_return",
    "sharpe",
    "sortino",
    "max_drawdown",
    "longest_drawdown_s",
    "win_rate",
    "payoff",
    "profit_factor",
    "expectancy",
    "trades",
    "exposure",
    "turnover",
    "fees",
    "slippage",
    "holding_s",
    "loss_streak",
    "benchmark_return",
    "composite",
    "volatility",
]
MOST_FINDINGS = 20
DAY_MS = 86_400_000


def measured(review: Review) -> dict[str, Any]:
    """The data of a review, as a model sees it and as claims are held against it.

    Refuses NothingStored.
    """
    until = split_ms(review)
    inside = measure_in_sample(version=review.base, stretch=review, until_ms=until)
    return {
        "strategy": {
            "name": review.strategy.name,
            "title": review.strategy.title,
            "description": review.strategy.description,
            "base_version": review.base.number,
        },
        "params": [_param(bound) for bound in bounds(review).values()],
        "limits": {
            "most_params": gate.MOST_DELTAS,
            "most_step": float(gate.MOST_STEP),
            "most_step_of_exits": float(gate.MOST_RISK_STEP),
        },
        "stretch": _stretch(review, until, inside.candles),
        "metrics": metrics_of(inside.metrics),
        "trades": _trades(inside),
        "indicators": {
            name: {what: short(value) for what, value in told.items()}
            for name, told in inside.indicators.items()
        },
        "live": _live(review, clock.from_ms(until)),
        "findings": _findings(review, clock.from_ms(until)),
        "notes": [review.note] if review.note else [],
        "rounds": [],
    }


def metrics_of(metrics: Any) -> dict[str, Any]:
    """The few that a review looks at; rows of a report or of a run."""
    rows = [one if isinstance(one, Mapping) else _row(one) for one in metrics]
    return {
        row["name"]: {
            "value": None if row["value"] is None else short(row["value"]),
            "unit": row["unit"],
            "title": row["title"],
        }
        for row in rows
        if row["name"] in SHOWN
    }


def _stretch(review: Review, until_ms: int, candles: int) -> dict[str, Any]:
    return {
        "symbols": review.symbols,
        "timeframe": review.timeframe,
        "from": f"{clock.from_ms(review.from_ms):%Y-%m-%d}",
        "to": f"{clock.from_ms(until_ms):%Y-%m-%d}",
        "days": (until_ms - review.from_ms) // DAY_MS,
        "candles": candles,
    }


def _row(metric: Any) -> dict[str, Any]:
    return {name: getattr(metric, name) for name in ("name", "title", "unit", "value")}


def bounds(review: Review) -> dict[str, Bound]:
    """The parameters that may be changed, with where they stand in the version that is reviewed."""
    return gate.bounds_of(registry.get(review.strategy.name).schema(), review.base.params)


def ground(review: Review, now: datetime) -> Ground:
    """What answers are held against at this moment."""
    strategy = registry.get(review.strategy.name)
    active = strategy_queries.active_version(review.strategy.name)

    def clash(changed: Mapping[str, int | float]) -> str:
        try:
            strategy.validated({**active.params, **changed})
        except ParamsInvalid as refusal:
            return refusal.detail
        return ""

    return Ground(
        base_version=active.number,
        bounds=gate.bounds_of(strategy.schema(), active.params),
        history=_history(review, now),
        now=now,
        clash=clash,
    )


def _history(review: Review, now: datetime) -> list[Change]:
    """Steps that people approved lately."""
    rows = Suggestion.objects.filter(
        strategy=review.strategy,
        state=Suggestion.State.APPROVED,
        decided_at__gt=now - max(gate.WINDOW, gate.COOL_DOWN),
    )
    return [
        Change(step["param"], row.decided_at, gate.exact(step["from"]), gate.exact(step["to"]))
        for row in rows
        if row.decided_at is not None
        for step in row.deltas
    ]


def seen_by_rules(review: Review) -> Seen:
    """What the advisor's rules look at."""
    values = {name: one["value"] for name, one in review.facts.get("metrics", {}).items()}
    drift = (
        BotDrift.objects.filter(bot__version__strategy=review.strategy, to_ms__lte=split_ms(review))
        .exclude(fill_bps=None)
        .first()
    )
    knobs = review.knobs
    assumed = float(knobs["half_spread_bps"]) + float(knobs["slippage_bps"])
    return Seen(
        metrics=values,
        bounds=bounds(review),
        # A drift counts against the shadow, which already pays what is assumed.
        fill_bps=None if drift is None or drift.fill_bps is None else drift.fill_bps + assumed,
        assumed_bps=assumed,
    )


def _param(bound: Bound) -> dict[str, Any]:
    def number(value: Any) -> int | float:
        return int(value) if bound.whole else float(value)

    return {
        "name": bound.name,
        "title": bound.title,
        "unit": bound.unit,
        "current": number(bound.current),
        "low": number(bound.low),
        "high": number(bound.high),
        "step": number(bound.step),
    }


def _trades(inside: InSample) -> dict[str, Any]:
    return {
        "by_exit_reason": {
            name: {"trades": count, "pnl": short(pnl)}
            for name, (count, pnl) in sorted(inside.exits.items())
        },
        "last": [
            {
                "closed": f"{clock.from_ms(row['closed_ms']):%Y-%m-%d %H:%M}",
                "symbol": row["symbol"],
                "held_s": row["held_s"],
                "return": short(row["return"]),
                "exit_reason": row["exit_reason"],
            }
            for row in inside.trades
        ],
    }


def _live(review: Review, until: datetime) -> dict[str, Any]:
    """What bots of this strategy really traded before the part that is out of sample."""
    rows = Trade.objects.filter(
        bot__version__strategy=review.strategy,
        status=Trade.Status.CLOSED,
        closed_at__lt=until,
        closed_at__gte=until - timedelta(days=365),
    )
    results = [float(pnl) for pnl in rows.values_list("pnl", flat=True) if pnl is not None]
    if not results:
        return {"trades": 0}
    return {
        "trades": len(results),
        "pnl": short(sum(results)),
        "win_rate": short(sum(1 for each in results if each > 0) / len(results)),
    }


def _findings(review: Review, until: datetime) -> list[dict[str, Any]]:
    names = Q(pk__in=[])
    for text in review.symbols:
        exchange, _, name = text.partition(":")
        names |= Q(symbol__exchange=exchange, symbol__name=name)
    rows = Finding.objects.filter(names, at__lt=until).order_by("-at")[:MOST_FINDINGS]
    return [
        {
            "agent": row.agent,
            "label": row.label,
            "score": short(row.score),
            "at": f"{row.at:%Y-%m-%d %H:%M}",
            "said": row.details.get("summary", "") if isinstance(row.details, dict) else "",
        }
        for row in rows
    ]
