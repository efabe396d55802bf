"""The form of a review: who suggests decides what else is asked.

A model and the rules need a stretch; a person gives the parameters as well; of a search the stretch
and its best tries are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict

from approvals import ai_queries
from approvals.models import Source
from config import clock
from config.pages import whole_number
from config.refusals import Refusal
from marketdata.models import TIMEFRAMES
from strategies import queries as strategy_queries
from strategies import registry
from strategies.forms import ModelForm, params_form
from strategies.models import StrategyVersion
from trading import queries as trading_queries
from trading.forms import InstantField, tradable_symbols
from trading.models import Search
from trading.search_pages import axes_of, objective_of
from trading.simulation_pages import initial_of, query_of, stored_candles

STRATEGIES = [(one.name, one.title) for one in registry.STRATEGIES.values()]
SOURCES = [
    (Source.LLM, "Language model"),
    (Source.RULES, "Advisor's rules"),
    (Source.PERSON, "You: your own parameters"),
    (Source.OPTIMISER, "The best of a search"),
]
HELP = {
    Source.LLM: "It costs what its tokens cost; every answer is checked.",
    Source.RULES: "They cost nothing and need no model.",
    Source.PERSON: "They are simulated once, against the active version.",
    Source.OPTIMISER: "What it found in sample is proven on what it never saw.",
}
PREFIX = "params"
TRIALS = 10  # of a search's best, to choose from


class WhoForm(forms.Form):
    """Of which strategy, and who suggests."""

    strategy = forms.ChoiceField(choices=STRATEGIES)
    source = forms.ChoiceField(label="Who suggests", choices=SOURCES)


class RoundsForm(forms.Form):
    rounds = forms.IntegerField(
        min_value=1, max_value=5, help_text="Attempts; each is told what the one before did."
    )


class StretchForm(forms.Form):
    """On what."""

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


class NoteForm(forms.Form):
    note = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept with the review; a model reads it beside the numbers.",
    )


class TrialsForm(forms.Form):
    """Which tries of a search."""

    search = forms.TypedChoiceField(
        coerce=int, error_messages={"required": "No search of it has found anything yet."}
    )
    places = forms.TypedMultipleChoiceField(
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one of its best."},
    )

    def __init__(self, found: list[Search], chosen: Search | None, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["search"].choices = [  # type: ignore[attr-defined]
            (row.pk, f"Search {row.pk}: {', '.join(row.symbols)} {row.timeframe}") for row in found
        ]
        many = min(len(chosen.best), TRIALS) if chosen else 0
        self.fields["places"].choices = [  # type: ignore[attr-defined]
            (place, f"{place}") for place in range(1, many + 1)
        ]


@dataclass(frozen=True, slots=True)
class Trial:
    """One of a search's best as the form offers it."""

    place: int
    values: list[Any]
    score: float | None
    metrics: dict[str, Any]
    checked: bool
    same: bool  # as the active version


class NewReview:
    """The page of a new review; `sent` is whether the fields come from its own button."""

    def __init__(self, data: QueryDict, *, sent: bool) -> None:
        self.data, self.sent = data, sent
        plain = query_of(data)
        name = plain.get("strategy", "")
        self.strategy = name if name in registry.STRATEGIES else STRATEGIES[0][0]
        self.source = self._source(plain.get("source", ""))
        begin = {"strategy": self.strategy, "source": self.source}
        self.who = WhoForm(data if sent else None, initial=begin)
        self.who.fields["source"].help_text = HELP[self.source]
        self.parts = self._parts(plain)

    def _source(self, asked: str) -> Source:
        if asked in Source.values:
            return Source(asked)
        return Source.LLM if ai_queries.health().state == "ready" else Source.RULES

    def _parts(self, plain: Mapping[str, str]) -> dict[str, forms.Form]:
        """What else is asked of whom."""
        given = self.data if self.sent else None
        note = NoteForm(given, initial={"note": plain.get("note", "")})
        if self.source == Source.OPTIMISER:
            return {"trials": self._trials(given, plain), "note": note}
        stretch = {"stretch": StretchForm(given, initial=self._stretch(plain)), "note": note}
        if self.source == Source.PERSON:
            return {"params": self._params(given, plain), **stretch}
        return {"rounds": RoundsForm(given, initial={"rounds": settings.ENV.llm_rounds}), **stretch}

    def _stretch(self, plain: Mapping[str, str]) -> dict[str, Any]:
        """What was typed before who suggests was changed, else what the address names."""
        typed = {key: plain[key] for key in ("timeframe", "start", "end") if plain.get(key)}
        if symbols := self.data.getlist("symbols"):
            typed["symbols"] = symbols  # type: ignore[assignment]
        return {**initial_of(plain), **typed}

    def _params(self, given: QueryDict | None, plain: Mapping[str, str]) -> ModelForm:
        """Typed on the page before, else those of `version`, else the active version's."""
        number = whole_number(plain, "version")
        rows = strategy_queries.versions_of(self.strategy)
        active = rows.filter(state=StrategyVersion.State.ACTIVE).first()
        start = rows.filter(number=number).first() if number else active
        kind = params_form(self.strategy)
        typed = {
            name: plain[f"{PREFIX}-{name}"]
            for name in kind.base_fields
            if f"{PREFIX}-{name}" in plain
        }
        initial = {**(start.params if start else {}), **typed}
        form: ModelForm = kind(given, prefix=PREFIX, initial=initial)
        return form

    def _trials(self, given: QueryDict | None, plain: Mapping[str, str]) -> TrialsForm:
        first = list(range(1, settings.ENV.llm_rounds + 1))
        initial = {"search": self.search.pk if self.search else None, "places": first}
        return TrialsForm(self.searches, self.search, given, initial=initial)

    @cached_property
    def searches(self) -> list[Search]:
        """That found something, the newest first."""
        rows = trading_queries.searches().filter(strategy__name=self.strategy).exclude(best=[])
        return list(rows[:20])

    @cached_property
    def search(self) -> Search | None:
        number = whole_number(query_of(self.data), "search")
        named = [row for row in self.searches if row.pk == number]
        return next(iter(named or self.searches), None)

    @property
    def offered(self) -> list[Trial]:
        """The best tries of the search, those that are ticked checked."""
        if self.search is None:
            return []
        ticked = {str(value) for value in self.parts["trials"]["places"].value() or ()}
        active = strategy_queries.active_version(self.strategy).params
        axes = axes_of(self.search)
        return [
            Trial(
                place=place,
                values=[found["params"].get(axis.name) for axis in axes],
                score=found["score"],
                metrics=found.get("metrics", {}),
                checked=str(place) in ticked,
                same=found["params"] == active,
            )
            for place, found in enumerate(self.search.best[:TRIALS], start=1)
        ]

    @property
    def axes(self) -> list[Any]:
        return axes_of(self.search) if self.search else []

    @property
    def objective(self) -> Any:
        return objective_of(self.search) if self.search else None

    @property
    def most(self) -> int:
        """How many of a search's tries are simulated at most."""
        return int(settings.ENV.llm_rounds)

    @property
    def is_valid(self) -> bool:
        checked = [form.is_valid() for form in (self.who, *self.parts.values())]
        return all(checked)  # each is asked, so that all errors show at once

    def asked(self) -> dict[str, Any]:
        """What `services.start_review` takes."""
        given = {
            key: value
            for name, form in self.parts.items()
            if name != "params"
            for key, value in form.cleaned_data.items()
        }
        asked = {"source": self.source, "note": given["note"]}
        if self.source == Source.OPTIMISER:
            return {**asked, "search_id": given["search"], "places": given["places"]}
        asked |= {
            "symbols": [str(symbol) for symbol in given["symbols"]],
            "timeframe": given["timeframe"],
            "from_ms": clock.to_ms(given["start"]),
            "to_ms": clock.to_ms(given["end"]),
        }
        if self.source == Source.PERSON:
            return {**asked, "params": dict(self.parts["params"].cleaned_data)}
        return {**asked, "rounds": given["rounds"]}

    def refuse(self, refusal: Refusal) -> None:
        """Show what the service refused next to the field that it is about."""
        names = {"to": "end", "from": "start"}
        for name in (names.get(field, field) for field in refusal.fields):
            for form in self.parts.values():
                if name in form.fields:
                    return form.add_error(name, refusal.detail)
        return self.who.add_error(None, _sentence(refusal))

    @property
    def context(self) -> dict[str, Any]:
        return {"new": self, "health": ai_queries.health, "stored": stored_candles}


def _sentence(refusal: Refusal) -> str:
    """With what it says of the parameters as a whole."""
    words = refusal.fields.get("params")
    more = " ".join(map(str, words)) if isinstance(words, list) else ""
    return f"{refusal.detail} {more}".strip()
