"""What the pages of advice show; gathered here so that the views stay doors."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import cache, partial
from typing import Any

from django import forms
from django.conf import settings

from approvals import ai_queries, services
from approvals.models import Approval, Review, Source, Suggestion
from strategies import registry
from trading import pictures
from trading import queries as trading_queries
from trading.filters import Filter
from trading.models import Bot
from trading.simulation_pages import sheet

STRATEGIES = [(one.name, one.title) for one in registry.STRATEGIES.values()]
FEW = 10  # decisions of which a mean says little
COMPARED = (
    "total_return",
    "sharpe",
    "max_drawdown",
    "win_rate",
    "profit_factor",
    "trades",
    "exposure",
    "fees",
    "composite",
)


class SuggestionFilter(Filter):
    """Narrows the list of suggestions."""

    strategy = forms.ChoiceField(
        choices=[("", "Any strategy"), *STRATEGIES], required=False, label="strategy"
    )
    source = forms.ChoiceField(
        choices=[("", "Any source"), *Source.choices], required=False, label="source"
    )
    state = forms.ChoiceField(
        choices=[("", "Any state"), *Suggestion.State.choices], required=False, label="state"
    )
    lookups = {"strategy": "strategy__name"}


def log_context(now: datetime) -> dict[str, Any]:
    """The log's figures; callables, so that a fragment reads only its own."""
    return {
        "health": cache(ai_queries.health),
        "spend": cache(partial(ai_queries.spend, now)),
        "record": cache(ai_queries.track_record),
        "months": cache(ai_queries.months),
        "by_model": cache(partial(ai_queries.spend_by_model, now)),
        "measured": cache(ai_queries.measured_decisions),
        "edges": cache(_edges),
        "lost": cache(ai_queries.lost_calls),
        "env": settings.ENV,
        "few": FEW,
    }


def _edges() -> pictures.Columns | None:
    """What each decided suggestion was worth since, the oldest decision first."""
    named = [
        (
            "approved" if row.suggestion.state in ai_queries.ACCEPTED else "rejected",
            f"Suggestion {row.suggestion_id}, {row.suggestion.get_state_display().lower()}: "
            f"{row.edge:+.2%}",
            row.edge,
        )
        for row in ai_queries.measured_decisions()
    ]
    return pictures.columns(named)


def review_context(review_id: int) -> dict[str, Any]:
    row = ai_queries.review(review_id)
    return {
        "review": row,
        "suggestions": ai_queries.suggestions().filter(review=row).order_by("pk"),
        "metrics": _metrics(row),
    }


def _metrics(row: Review) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = list(row.facts.get("metrics", {}).values())
    return told


def suggestion_context(suggestion_id: int, *, with_texts: bool) -> dict[str, Any]:
    """A proposal with everything that speaks for and against it. `with_texts`: the model's prompt
    and answer as well.
    """
    row = ai_queries.suggestion(suggestion_id)
    simulated = bool(row.simulation and row.simulation.report_hash)
    told: dict[str, Any] = {
        "suggestion": row,
        "steps": _steps(row),
        "texts": ai_queries.texts_of(row),
        "approval": Approval.objects.filter(suggestion=row).order_by("-pk").first(),
        "call": services.opened_call(call_id=row.call_id) if row.call_id and with_texts else None,
        "bots": cache(partial(_bots, row)) if simulated else None,
        "simulated": simulated,
    }
    if simulated and row.simulation is not None:
        sheet_ = sheet(trading_queries.simulation(row.simulation.pk))
        told |= {name: sheet_[name] for name in ("report", "equity", "falls")}
        told["rows"] = [one for one in sheet_["rows"]() if one["name"] in COMPARED]
    return told


def _steps(row: Suggestion) -> list[dict[str, Any]]:
    """The diff, from our own schema: a name that a model wrote is looked up, never shown."""
    properties = registry.get(row.strategy.name).schema()["properties"]
    return [
        {
            "title": properties[step["param"]].get("title", step["param"]),
            "name": step["param"],
            "unit": properties[step["param"]].get("unit", ""),
            "before": step["from"],
            "after": step["to"],
            "share": _share(step["from"], step["to"]),
        }
        for step in row.deltas
        if step["param"] in properties
    ]


def _share(before: Any, after: Any) -> float | None:
    numbers = all(isinstance(each, int | float) for each in (before, after))
    return (after - before) / abs(before) if numbers and before else None


def _bots(row: Suggestion) -> list[dict[str, Any]]:
    """What bots of this strategy would hold on average: their equity times each side's exposure."""
    if row.simulation is None:
        return []
    metrics = {
        side: {one["name"]: one["value"] for one in told["metrics"]["whole"]}
        for side, told in trading_queries.report_of(row.simulation).items()
        if side in ("candidate", "baseline") and told
    }
    shares = {side: told.get("exposure") for side, told in metrics.items()}
    found = []
    for bot in Bot.objects.filter(version__strategy=row.strategy).order_by("name")[:20]:
        equity = trading_queries.portfolio_now(bot.pk).equity or bot.starting_cash
        found.append(
            {
                "bot": bot,
                "equity": equity,
                "quote": bot.symbols.all()[0].quote if bot.symbols.exists() else "",
                "before": _part(equity, shares.get("baseline")),
                "after": _part(equity, shares.get("candidate")),
            }
        )
    return found


def _part(equity: Decimal, share: float | None) -> float | None:
    """What that share of equity is; None where the share is unknown."""
    return None if share is None else float(equity) * share
