"""The steps from nothing to a bot. Every step's answers travel along as hidden fields.

So the server keeps no half-made bots, the browser's Back works, and nothing is lost when a
later step is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict

from config import clock
from config.refusals import Refusal
from marketdata import store
from marketdata.models import Symbol
from marketdata.timeframes import Timeframe
from strategies import queries as strategy_queries
from strategies import registry
from strategies.forms import params_form
from trading.forms import (
    KnobsForm,
    MarketForm,
    NameForm,
    SourceForm,
    StrategyForm,
    knobs_initial,
    replay_of,
)

STEPS: Mapping[str, str] = {
    "strategy": "Strategy",
    "params": "Parameters",
    "market": "Market",
    "source": "Source",
    "knobs": "Risk and costs",
    "review": "Review",
}
# Where a refusal of `create_bot` is shown.
FIELD_STEPS = {
    "name": "review",
    "symbols": "market",
    "timeframe": "market",
    "starting_cash": "market",
    "replay": "source",
}


@dataclass(frozen=True, slots=True)
class StoredRange:
    """From the first to the last stored candle of a symbol; None where there is none."""

    symbol: Symbol
    from_ms: int | None
    to_ms: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step as the list of steps shows it."""

    key: str
    title: str
    current: bool
    reachable: bool


class BotWizard:
    """One request's view of the steps: `current` is shown, the others are carried."""

    def __init__(self, data: QueryDict) -> None:
        self.data = data
        shown = data.get("step", "")
        self.seen = [key for key in STEPS if key in data.getlist("seen") or key == shown]
        # Other parameters belong to another strategy: begin them anew.
        if data.get("params-of") != self.strategy_name and "params" in self.seen:
            self.seen.remove("params")
        self.forms: dict[str, forms.Form] = {}
        for key in STEPS:  # in order: later ones begin with what earlier ones say
            self.forms[key] = self._form(key)
        self.current = shown if shown in STEPS else "strategy"
        self.refused = False

    @classmethod
    def begin(cls, strategy: str = "") -> BotWizard:
        """An untouched wizard; with a strategy chosen already if there is one of that name."""
        data = QueryDict(mutable=True)
        if strategy in registry.STRATEGIES:
            data["strategy-strategy"] = strategy
        wizard = cls(data)
        wizard.seen = []
        return wizard

    @property
    def strategy_name(self) -> str:
        name = self.data.get("strategy-strategy", "")
        return name if name in registry.STRATEGIES else ""

    @property
    def form(self) -> forms.Form:
        """The form of the step that is shown."""
        return self.forms[self.current]

    @property
    def carried(self) -> list[forms.Form]:
        """The other steps that have been answered, to be hidden in the page."""
        return [self.forms[key] for key in self.seen if key != self.current]

    @property
    def steps(self) -> list[Step]:
        return [
            Step(key, title, key == self.current, key in self.seen) for key, title in STEPS.items()
        ]

    @property
    def is_complete(self) -> bool:
        return self._first_problem(list(STEPS)) is None

    def move(self, target: str) -> None:
        """Show `target`, or the first step before it that isn't answered or is wrong."""
        keys = list(STEPS)
        wanted = target if target in STEPS else self._after(self.current)
        before = keys[: keys.index(wanted)]
        back = keys.index(wanted) < keys.index(self.current)
        problem = None if back else self._first_problem(before)
        self.refused = problem == self.current
        self.current = problem or wanted

    def refuse(self, refusal: Refusal) -> None:
        """Show what the service refused next to the field that it is about."""
        field = next((name for name in refusal.fields if name in FIELD_STEPS), "name")
        self.current = FIELD_STEPS[field]
        self.refused = True
        words = refusal.fields.get(field)
        text = " ".join(map(str, words)) if isinstance(words, list) else refusal.detail
        self.form.add_error(field if field in self.form.fields else None, text)

    @property
    def answers(self) -> dict[str, Any]:
        """What `create_bot` takes, less the version, once everything is valid."""
        market, source = self.forms["market"].cleaned_data, self.forms["source"].cleaned_data
        return {
            "name": self.forms["review"].cleaned_data["name"],
            "symbols": list(market["symbols"]),
            "timeframe": market["timeframe"],
            "starting_cash": market["starting_cash"],
            "replay": replay_of(source),
            "knobs": self.forms["knobs"].cleaned_data,
        }

    @property
    def params(self) -> dict[str, Any]:
        return dict(self.forms["params"].cleaned_data)

    def rows(self, key: str) -> list[tuple[str, Any]]:
        """(label, answer) of a step, as the review shows it."""
        form = self.forms[key]
        return [(str(form[name].label), value) for name, value in form.cleaned_data.items()]

    @property
    def previous(self) -> str:
        """The step before this one; "" at the first."""
        keys = list(STEPS)
        index = keys.index(self.current)
        return keys[index - 1] if index else ""

    @property
    def ranges(self) -> list[StoredRange]:
        """Which candles of the chosen symbols a replay could walk through."""
        timeframe = self.data.get("market-timeframe", "")
        return stored_ranges(self.symbols, timeframe) if timeframe in list(Timeframe) else []

    @property
    def symbols(self) -> list[Symbol]:
        """The chosen symbols, as far as they are valid."""
        form = self.forms["market"]
        return list(form.cleaned_data["symbols"]) if form.is_valid() else []

    def _first_problem(self, keys: list[str]) -> str | None:
        for key in keys:
            if key not in self.seen or not self.forms[key].is_valid():
                return key
        return None

    def _after(self, key: str) -> str:
        keys = list(STEPS)
        return keys[min(keys.index(key) + 1, len(keys) - 1)]

    def _form(self, key: str) -> forms.Form:
        bound = self.data if key in self.seen else None
        return self._kind(key)(bound, prefix=key, initial=self._initial(key))

    def _kind(self, key: str) -> type[forms.Form]:
        if key == "params":
            return _params_form(self.strategy_name)
        kinds: dict[str, type[forms.Form]] = {
            "strategy": StrategyForm,
            "market": MarketForm,
            "source": SourceForm,
            "knobs": KnobsForm,
            "review": NameForm,
        }
        return kinds[key]

    def _initial(self, key: str) -> dict[str, Any]:
        if key == "params" and self.strategy_name:
            return dict(strategy_queries.active_version(self.strategy_name).params)
        if key == "knobs":
            return knobs_initial()
        if key == "market":
            return {"starting_cash": settings.ENV.trading_paper_starting_equity}
        if key == "review":
            return {"name": self._suggested_name()}
        if key == "source":
            return self._common_range()
        return {"strategy": self.strategy_name} if key == "strategy" else {}

    def _common_range(self) -> dict[str, Any]:
        """The stretch that is stored of all chosen symbols: what a replay begins with."""
        known = [one for one in self.ranges if one.from_ms is not None and one.to_ms is not None]
        if not known:
            return {}
        return {
            "replay_from": clock.from_ms(max(one.from_ms or 0 for one in known)),
            "replay_to": clock.from_ms(min(one.to_ms or 0 for one in known)),
        }

    def _suggested_name(self) -> str:
        title = registry.get(self.strategy_name).title if self.strategy_name else ""
        symbols = self.data.getlist("market-symbols")
        ids = [int(value) for value in symbols if value.isascii() and value.isdigit()]
        names = [symbol.base for symbol in Symbol.objects.filter(pk__in=ids[:3])]
        words = [title, "/".join(names), self.data.get("market-timeframe", "")]
        return " ".join(words).strip()[:80]


def _params_form(strategy_name: str) -> type[forms.Form]:
    return params_form(strategy_name) if strategy_name else StrategyForm


def stored_ranges(symbols: list[Symbol], timeframe: str) -> list[StoredRange]:
    """From when to when candles of each symbol are stored."""
    return [
        StoredRange(
            symbol,
            store.first_open_ms(symbol.pk, timeframe),
            store.latest_open_ms(symbol.pk, timeframe),
        )
        for symbol in symbols
    ]
