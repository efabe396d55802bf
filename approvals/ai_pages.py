"""What the pages of advice show; gathered here so that the views stay doors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache, partial
from typing import Any

from django import forms
from django.conf import settings

from approvals import ai_queries, services
from approvals.models import Approval, Review, Source, Suggestion
from config import clock
from config.refusals import Refusal
from marketdata.models import TIMEFRAMES
from strategies import registry
from trading import queries as trading_queries
from trading.filters import Filter
from trading.forms import InstantField, tradable_symbols
from trading.models import Bot
from trading.simulation_pages import initial_of, sheet, stored_candles

STRATEGIES = [(one.name, one.title) for one in registry.STRATEGIES.values()]
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


class ReviewForm(forms.Form):
    """Who suggests, and on what."""

    strategy = forms.ChoiceField(choices=STRATEGIES)
    source = forms.ChoiceField(
        label="Who suggests",
        choices=[(Source.LLM, "Language model"), (Source.RULES, "Advisor's rules")],
        help_text="The rules cost nothing and need no model.",
    )
    symbols = forms.ModelMultipleChoiceField(
        tradable_symbols(),
        widget=forms.CheckboxSelectMultiple,
        help_text="They share one cash, so they need one quote asset.",
        error_messages={"required": "Choose at least one symbol."},
    )
    timeframe = forms.ChoiceField(choices=TIMEFRAMES)
    start = InstantField(label="From, UTC")
    end = InstantField(
        label="To, UTC", help_text="The last 30 % prove the candidate and are shown to no model."
    )
    rounds = forms.IntegerField(
        min_value=1, max_value=5, help_text="Attempts; each is told what the one before did."
    )
    note = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="For the model to read beside the numbers.",
    )

    def asked(self) -> dict[str, Any]:
        """What `services.start_review` takes."""
        given = self.cleaned_data
        return {
            "source": given["source"],
            "symbols": [str(symbol) for symbol in given["symbols"]],
            "timeframe": given["timeframe"],
            "from_ms": clock.to_ms(given["start"]),
            "to_ms": clock.to_ms(given["end"]),
            "rounds": given["rounds"],
            "note": given["note"],
        }

    def refuse(self, refusal: Refusal) -> None:
        """Show what the service refused next to the field that it is about."""
        names = {"to": "end", "from": "start"}
        field = next((names.get(name, name) for name in refusal.fields), None)
        self.add_error(field if field in self.fields else None, refusal.detail)


def new_review(data: Mapping[str, str], *, sent: bool) -> ReviewForm:
    """The form, beginning with what the address names."""
    source = Source.LLM if ai_queries.health().state == "ready" else Source.RULES
    initial = {
        **initial_of(data),
        "strategy": data.get("strategy", ""),
        "source": source,
        "rounds": settings.ENV.llm_rounds,
    }
    return ReviewForm(data if sent else None, initial=initial)


def new_context(form: ReviewForm) -> dict[str, Any]:
    return {"form": form, "health": ai_queries.health, "stored": stored_candles}


def log_context(now: datetime) -> dict[str, Any]:
    """The log's figures; callables, so that a fragment reads only its own."""
    return {
        "health": cache(ai_queries.health),
        "spend": cache(partial(ai_queries.spend, now)),
        "record": cache(ai_queries.track_record),
        "months": cache(ai_queries.months),
        "lost": cache(ai_queries.lost_calls),
        "env": settings.ENV,
    }


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
    shares = {side: told.get("exposure") or 0.0 for side, told in metrics.items()}
    found = []
    for bot in Bot.objects.filter(version__strategy=row.strategy).order_by("name")[:20]:
        equity = trading_queries.portfolio_now(bot.pk).equity or bot.starting_cash
        found.append(
            {
                "bot": bot,
                "equity": equity,
                "quote": bot.symbols.all()[0].quote if bot.symbols.exists() else "",
                "before": float(equity) * shares.get("baseline", 0.0),
                "after": float(equity) * shares.get("candidate", 0.0),
            }
        )
    return found
