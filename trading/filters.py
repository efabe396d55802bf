"""What a list is narrowed to: read from the address, shown as a form, applied to rows."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from django import forms
from django.db.models import Model, QuerySet

from config.templatetags.console import at_iso
from marketdata.models import Symbol
from strategies import registry
from trading.forms import InstantField
from trading.models import (
    Bot,
    DecisionRecord,
    ExchangeAccount,
    Incident,
    Job,
    Simulation,
    Trade,
)
from trading.order_state import OrderStatus

M = TypeVar("M", bound=Model)


class Filter(forms.Form):
    """A field that is wrong or empty narrows nothing; the others still do."""

    lookups: ClassVar[dict[str, str]] = {}  # field name -> ORM lookup, where they differ

    def narrow(self, rows: QuerySet[M]) -> QuerySet[M]:
        """The rows that match every field that was given."""
        self.is_valid()
        wanted = {self.lookups.get(name, name): value for name, value in self.given().items()}
        return rows.filter(**wanted)

    def given(self) -> dict[str, Any]:
        """The fields that hold something usable."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}


def _any_of(choices: list[tuple[str, str]], label: str) -> forms.ChoiceField:
    return forms.ChoiceField(choices=[("", f"Any {label}"), *choices], required=False, label=label)


def _bot() -> forms.ModelChoiceField[Bot]:
    return forms.ModelChoiceField(
        Bot.objects.all(), required=False, empty_label="Any bot", label="bot"
    )


def _symbol() -> forms.ModelChoiceField[Symbol]:
    used = Symbol.objects.filter(bots__isnull=False).distinct()
    return forms.ModelChoiceField(used, required=False, empty_label="Any symbol", label="symbol")


SIDES = [("BUY", "Buy"), ("SELL", "Sell")]


class OrderFilter(Filter):
    bot = _bot()
    symbol = _symbol()
    side = _any_of(SIDES, "side")
    status = _any_of(
        [(status.value, status.value.replace("_", " ").capitalize()) for status in OrderStatus],
        "status",
    )


class FillFilter(Filter):
    bot = _bot()
    symbol = _symbol()
    side = _any_of(SIDES, "side")


class TradeFilter(Filter):
    bot = _bot()
    symbol = _symbol()
    status = _any_of([(value, label) for value, label in Trade.Status.choices], "status")


class IncidentFilter(Filter):
    account = forms.ModelChoiceField(
        ExchangeAccount.objects.filter(incidents__isnull=False).distinct(),
        required=False,
        empty_label="Any account",
        label="account",
    )
    kind = _any_of([(value, label) for value, label in Incident.Kind.choices], "class")
    state = _any_of([(value, label) for value, label in Incident.State.choices], "state")


class JobFilter(Filter):
    status = _any_of([(value, label) for value, label in Job.Status.choices], "status")


class DecisionFilter(Filter):
    action = _any_of(
        [(value, value.capitalize()) for value in DecisionRecord.Action.values], "action"
    )


class AuditFilter(Filter):
    """Text fields match the beginning, so that `bot.` means everything about bots."""

    lookups: ClassVar[dict[str, str]] = {
        "actor": "actor__istartswith",
        "action": "action__istartswith",
        "subject": "subject__istartswith",
        "from": "at__gte",
        "to": "at__lt",
    }
    actor = forms.CharField(required=False, max_length=150)
    action = forms.CharField(required=False, max_length=60)
    subject = forms.CharField(required=False, max_length=80)
    correlation_id = forms.CharField(required=False, max_length=64)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # `from` is a keyword, so the two instants can't be class attributes.
        for name in ("from", "to"):
            self.fields[name] = InstantField(required=False)

    @property
    def from_text(self) -> str:
        return at_iso(self.given().get("from"))

    @property
    def to_text(self) -> str:
        return at_iso(self.given().get("to"))


def _strategies() -> list[tuple[str, str]]:
    named = [(one.name, one.title) for one in registry.STRATEGIES.values()]
    return [("", "Any strategy"), *named]


class SearchFilter(Filter):
    lookups = {"strategy": "strategy__name", "status": "job__status"}

    strategy = forms.ChoiceField(required=False, label="strategy", choices=_strategies)
    status = _any_of([(value, label) for value, label in Job.Status.choices], "status")


class SimulationFilter(Filter):
    lookups = {"strategy": "version__strategy__name"}

    strategy = forms.ChoiceField(required=False, label="strategy", choices=_strategies)
    verdict = _any_of(
        [(value, label) for value, label in Simulation.Verdict.choices if value], "verdict"
    )
