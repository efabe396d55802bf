"""What the pages of agents, findings, postures and signals are narrowed to and show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from django import forms
from django.conf import settings
from django.db.models import Model, QuerySet

from config import clock
from marketdata import live_features
from marketdata.features import LiveState
from marketdata.models import Symbol
from strategies import registry, signal_rules
from strategies.agents import AGENTS
from strategies.models import Finding, Posture, Signal

M = TypeVar("M", bound=Model)

SCORES = [("2", "Score from 2"), ("3", "Score from 3"), ("5", "Score from 5")]
STRATEGIES = [(name, name) for name in (*registry.STRATEGIES, *signal_rules.RULES)]


class _Filter(forms.Form):
    """A field that is wrong or empty narrows nothing; the others still do."""

    lookups: ClassVar[Mapping[str, str]] = {}

    def narrow(self, rows: QuerySet[M]) -> QuerySet[M]:
        """The rows that match every field that was given."""
        wanted = {self.lookups.get(name, name): value for name, value in self.given().items()}
        return rows.filter(**wanted)

    def given(self) -> dict[str, Any]:
        """The fields that hold something usable."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}


def _any_of(choices: list[tuple[str, str]], label: str) -> forms.ChoiceField:
    return forms.ChoiceField(choices=[("", f"Any {label}"), *choices], required=False, label=label)


def _symbol() -> forms.ModelChoiceField[Symbol]:
    return forms.ModelChoiceField(
        Symbol.objects.filter(watched=True),
        required=False,
        empty_label="Any symbol",
        label="symbol",
    )


class FindingFilter(_Filter):
    """Which findings the feed shows."""

    lookups = {"score": "score__gte"}

    symbol = _symbol()
    agent = _any_of([(name, one.title) for name, one in AGENTS.items()], "agent")
    score = _any_of(SCORES, "score")


class SignalFilter(_Filter):
    """Which signals the list shows."""

    symbol = _symbol()
    strategy = _any_of(STRATEGIES, "strategy")
    kind = _any_of([(kind, str(label)) for kind, label in Signal.Kind.choices], "signal")
    executed = _any_of([("True", "With an order"), ("False", "Without an order")], "order")


@dataclass(frozen=True, slots=True)
class PostureRow:
    """A followed symbol with its posture and its live features; what is unknown is None."""

    symbol: Symbol
    posture: Posture | None
    state: LiveState | None
    age_s: float | None

    @property
    def stale(self) -> bool:
        return self.age_s is None or self.age_s > settings.ENV.ticker_stale_s

    @property
    def frames(self) -> Mapping[str, Any]:
        """Features by bar length, with names that a template can ask for."""
        found = self.state.frames if self.state else {}
        return {f"f{name}": frame for name, frame in found.items()}


def posture_rows(now_ms: int) -> list[PostureRow]:
    """Every followed symbol, the most likely to rise first."""
    symbols = list(Symbol.objects.filter(watched=True, status=Symbol.Status.TRADING))
    postures = Posture.objects.in_bulk([symbol.pk for symbol in symbols])
    states = live_features.get_states(symbol.pk for symbol in symbols)
    rows = []
    for symbol in symbols:
        state = states.get(symbol.pk)
        age_s = state.age_s(now_ms) if state else None
        rows.append(PostureRow(symbol, postures.get(symbol.pk), state, age_s))
    return sorted(rows, key=_likely)


def _likely(row: PostureRow) -> tuple[float, str]:
    p_up = row.posture.p_up if row.posture else None
    return (-p_up if p_up is not None else 1.0, row.symbol.name)


def chart_marks(symbol_id: int, from_ms: int) -> list[dict[str, Any]]:
    """Findings as the chart of a symbol marks them, oldest first; the newest 300."""
    rows = Finding.objects.filter(symbol_id=symbol_id, at__gte=clock.from_ms(from_ms))
    newest = list(rows.order_by("-at")[:300])
    return [
        {"at_ms": clock.to_ms(one.at), "label": one.label.replace("_", " "), "score": one.score}
        for one in reversed(newest)
    ]
