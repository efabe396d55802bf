"""Shape and validation of what people type; nothing here saves."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from config import clock
from marketdata.models import TIMEFRAMES, Candle, Symbol
from strategies import registry
from strategies.forms import ModelForm, model_form
from trading import metrics
from trading.knobs import Knobs
from trading.models import ApiToken, Search, Simulation
from trading.services import Replay

# Metrics of which more is better, and which one good trade alone does not make.
OBJECTIVES = (
    "composite",
    "sharpe",
    "sortino",
    "calmar",
    "omega",
    "total_return",
    "cagr",
    "alpha",
    "profit_factor",
    "expectancy",
    "sqn",
    "recovery",
)
SPEEDS = [
    ("0", "As fast as it goes"),
    ("60", "× 60: an hour in a minute"),
    ("600", "× 600: ten hours in a minute"),
    ("3600", "× 3600: a day in 24 seconds"),
    ("1", "× 1: real time"),
]

KnobsForm: type[ModelForm] = model_form(Knobs)


def knobs_initial(stored: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the form of the knobs begins with: the bot's own, else the environment's."""
    return {**Knobs.defaults(settings.ENV).stored(), **(stored or {})}


class InstantField(forms.DateTimeField):
    """A moment in UTC, typed in the browser's own picker."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    input_formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"]


def _strategies() -> list[tuple[str, str]]:
    return [(strategy.name, strategy.title) for strategy in registry.STRATEGIES.values()]


class StrategyForm(forms.Form):
    strategy = forms.ChoiceField(
        choices=_strategies, error_messages={"required": "Choose a strategy."}
    )


class MarketForm(forms.Form):
    """What a bot trades, and with how much."""

    symbols = forms.ModelMultipleChoiceField(
        Symbol.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text="They share one cash, so they need one exchange and one quote asset.",
        error_messages={"required": "Choose at least one symbol."},
    )
    timeframe = forms.ChoiceField(choices=TIMEFRAMES, initial="5m")
    starting_cash = forms.DecimalField(
        label="Starting cash", min_value=Decimal(1), max_value=Decimal(10**9), max_digits=20
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["symbols"].queryset = tradable_symbols()  # type: ignore[attr-defined]

    def clean_symbols(self) -> QuerySet[Symbol]:
        chosen: QuerySet[Symbol] = self.cleaned_data["symbols"]
        if len({(symbol.exchange, symbol.quote) for symbol in chosen}) > 1:
            raise forms.ValidationError("Choose symbols of one exchange and one quote asset.")
        return chosen


class SourceForm(forms.Form):
    """Where the candles come from: the live feed, or what is stored."""

    LIVE, REPLAY = "live", "replay"

    source = forms.ChoiceField(choices=[(LIVE, "Live feed"), (REPLAY, "Replay")], initial=LIVE)
    replay_from = InstantField(required=False, label="From, UTC")
    replay_to = InstantField(required=False, label="To, UTC")
    speed = forms.ChoiceField(choices=SPEEDS, required=False, initial="0")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("source") != self.REPLAY:
            return cleaned
        for name in ("replay_from", "replay_to"):
            if not cleaned.get(name) and name not in self.errors:
                self.add_error(name, "A replay needs this.")
        start, end = cleaned.get("replay_from"), cleaned.get("replay_to")
        if start and end and start >= end:
            self.add_error("replay_to", "The end must come after the start.")
        return cleaned


class NameForm(forms.Form):
    name = forms.CharField(max_length=80, label="Name of the bot")


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=200, required=False)


class BackfillForm(forms.Form):
    """Which stretch of history to download."""

    timeframe = forms.ChoiceField(choices=TIMEFRAMES)
    start = InstantField(label="From, UTC")
    end = InstantField(label="To, UTC")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        start, end = cleaned.get("start"), cleaned.get("end")
        if start and end and start >= end:
            self.add_error("end", "The end must come after the start.")
        return cleaned


class SimulationForm(forms.Form):
    """On what a strategy is simulated."""

    symbols = forms.ModelMultipleChoiceField(
        Symbol.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text="They share one cash, so they need one quote asset.",
        error_messages={"required": "Choose at least one symbol."},
    )
    timeframe = forms.ChoiceField(choices=TIMEFRAMES)
    start = InstantField(label="From, UTC")
    end = InstantField(label="To, UTC")
    starting_cash = forms.DecimalField(
        label="Starting cash",
        min_value=Decimal(1),
        max_value=Decimal(10**9),
        initial=Decimal(10_000),
    )
    oos_share = forms.IntegerField(
        label="Out of sample",
        min_value=10,
        max_value=90,
        initial=30,
        help_text="Per cent at the end that no search may see.",
    )
    fill_at = forms.ChoiceField(
        label="Orders fill at",
        choices=Simulation.FillAt.choices,
        help_text="The same close is optimistic: nobody can trade a price that made the decision.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["symbols"].queryset = tradable_symbols()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        start, end = cleaned.get("start"), cleaned.get("end")
        if start and end and start >= end:
            self.add_error("end", "The end must come after the start.")
        return cleaned


class SearchForm(SimulationForm):
    """On what a strategy's parameters are searched, and how."""

    fill_at = None  # type: ignore[assignment]  # Django drops the field: a search fills at the open

    method = forms.ChoiceField(
        choices=Search.Method.choices,
        initial=Search.Method.GRID,
        help_text="A grid tries every combination; TPE goes on where it was good.",
    )
    objective = forms.ChoiceField(
        label="Best is what has the highest",
        initial="composite",
        choices=[(name, metrics.DEFINITIONS[name].title) for name in OBJECTIVES],
    )
    trials = forms.IntegerField(
        label="Tries",
        min_value=1,
        max_value=200_000,
        initial=200,
        help_text="At most; a grid takes all combinations.",
    )


class TokenForm(forms.Form):
    name = forms.CharField(max_length=60, help_text="Where it will be used.")
    scope = forms.ChoiceField(
        choices=[("read", "Read"), ("write", "Read and write")],
        help_text="It never may do more than you.",
        initial=ApiToken.Scope.READ,
    )
    days = forms.IntegerField(
        min_value=1, max_value=365, initial=90, label="Valid for", help_text="Days, at most 365."
    )


def tradable_symbols() -> QuerySet[Symbol]:
    """Symbols that are followed or have candles to replay."""
    has_candles = Exists(Candle.objects.filter(symbol_id=OuterRef("pk")))
    return Symbol.objects.filter(Q(watched=True) | has_candles, status=Symbol.Status.TRADING)


def replay_of(source: dict[str, Any]) -> Replay | None:
    """The range in the clean data of a SourceForm; None for the live feed."""
    if source["source"] != SourceForm.REPLAY:
        return None
    return Replay(
        from_ms=clock.to_ms(source["replay_from"]),
        to_ms=clock.to_ms(source["replay_to"]),
        speed=float(source["speed"] or 0),
    )
