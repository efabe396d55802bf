"""The form of a new search: what varies, between which bounds, and how many tries that makes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms

from config import clock
from config.refusals import Refusal
from strategies import queries as strategy_queries
from strategies import registry
from strategies.models import StrategyVersion
from strategies.protocol import Params
from trading import queries
from trading.evidence.neighbourhood import bounds_of, step_of
from trading.forms import SearchForm
from trading.models import Search
from trading.optimiser.space import Space, SpaceInvalid, space_of
from trading.simulation_pages import initial_of, stored_candles

FEW = 10  # values of a parameter that the form begins with, at most


@dataclass(frozen=True, slots=True)
class AxisRow:
    """One parameter's line of the form."""

    title: str
    help: str
    vary: forms.BoundField
    low: forms.BoundField
    high: forms.BoundField
    step: forms.BoundField

    @property
    def parts(self) -> tuple[forms.BoundField, ...]:
        return (self.vary, self.low, self.high, self.step)


class SpaceForm(forms.Form):
    """For each bounded parameter whether it varies, and low, high and step."""

    def __init__(self, start: Params, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.start = start
        self.space: Space | None = None
        names = [
            name for name, field in type(start).model_fields.items() if self._varies(name, field)
        ]
        self.names = sorted(names, key=lambda name: name in Params.model_fields)
        for name in self.names:
            self._add(name)

    def _varies(self, name: str, field: Any) -> bool:
        number = not isinstance(getattr(self.start, name), bool)
        return number and bounds_of(field) is not None

    def _add(self, name: str) -> None:
        field = type(self.start).model_fields[name]
        bounds = bounds_of(field) or (0.0, 0.0)
        step = wide_step(bounds, step_of(field))
        own = name not in Params.model_fields
        self.fields[f"vary_{name}"] = forms.BooleanField(required=False, initial=own)
        for part, value in (("low", bounds[0]), ("high", bounds[1]), ("step", step)):
            self.fields[f"{part}_{name}"] = forms.DecimalField(
                required=False, initial=short(value), widget=forms.NumberInput({"step": "any"})
            )

    @property
    def rows(self) -> list[AxisRow]:
        """The strategy's own parameters; its exits after them."""
        return [self._row(name) for name in self.names]

    def _row(self, name: str) -> AxisRow:
        field = type(self.start).model_fields[name]
        parts = {part: self[f"{part}_{name}"] for part in ("vary", "low", "high", "step")}
        low, high = bounds_of(field) or (0, 0)
        words = f"{low:g} to {high:g}, now {getattr(self.start, name):g}"
        return AxisRow(title=field.title or name, help=words, **parts)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        asked = self.asked(cleaned)
        if not asked:
            raise forms.ValidationError("Choose at least one parameter that varies.")
        try:
            self.space = space_of(self.start, asked)
        except SpaceInvalid as error:
            self.add_error(f"low_{error.name}", f"{error.text[:1].upper()}{error.text[1:]}.")
        return cleaned

    def asked(self, cleaned: Mapping[str, Any]) -> dict[str, dict[str, float]]:
        """The space as `services.search_strategy` takes it."""
        return {
            name: {
                part: float(cleaned[f"{part}_{name}"])
                for part in ("low", "high", "step")
                if cleaned.get(f"{part}_{name}") is not None
            }
            for name in self.names
            if cleaned.get(f"vary_{name}")
        }


class NewSearch:
    """The page of a new search; `sent` is whether the fields come from the form itself."""

    def __init__(self, data: Mapping[str, str], *, sent: bool) -> None:
        name = data.get("strategy", "")
        self.strategy = name if name in registry.STRATEGIES else next(iter(registry.STRATEGIES))
        self.versions = list(strategy_queries.versions_of(self.strategy).order_by("-number"))
        self.version = self._chosen(data.get("version", ""))
        given = data if sent else None
        self.plan = SearchForm(given, initial=initial_of(data))
        self.space = SpaceForm(self._start(), given, prefix="space")

    def _chosen(self, number: str) -> StrategyVersion | None:
        active = next((one for one in self.versions if one.state == "ACTIVE"), None)
        return next((one for one in self.versions if str(one.number) == number), active)

    def _start(self) -> Params:
        if self.version is not None:
            return strategy_queries.params_of(self.version)
        start: Params = registry.get(self.strategy).validated({})
        return start

    @property
    def is_valid(self) -> bool:
        return all([self.plan.is_valid(), self.space.is_valid()])

    @property
    def combinations(self) -> int | None:
        """Of what is typed so far; None while that makes no space."""
        if not self.space.is_bound:
            asked = {name: self.space[name].initial for name in self.space.fields}
            return space_of(self.space.start, self.space.asked(asked)).size
        self.space.is_valid()
        return self.space.space.size if self.space.space else None

    @property
    def tries(self) -> int | None:
        """How many of them are tried."""
        size = self.combinations
        if size is None or self.plan["method"].value() != Search.Method.TPE:
            return size
        wanted = str(self.plan["trials"].value() or "")
        return min(size, int(wanted)) if wanted.isdecimal() else size

    def asked(self) -> dict[str, Any]:
        """What `services.search_strategy` takes."""
        plan = self.plan.cleaned_data
        return {
            "version": self.version.number if self.version else None,
            "symbols": [str(symbol) for symbol in plan["symbols"]],
            "timeframe": plan["timeframe"],
            "from_ms": clock.to_ms(plan["start"]),
            "to_ms": clock.to_ms(plan["end"]),
            "oos_share": float(plan["oos_share"]) / 100,
            "starting_cash": plan["starting_cash"],
            "method": plan["method"],
            "objective": plan["objective"],
            "trials": plan["trials"],
            "space": self.space.asked(self.space.cleaned_data),
        }

    def refuse(self, refusal: Refusal) -> None:
        """Show what the service refused next to the field that it is about."""
        for name, words in refusal.fields.items() or {"": refusal.detail}.items():
            text = " ".join(map(str, words)) if isinstance(words, list) else str(words)
            field = {"to": "end", "from": "start"}.get(name, name)
            self.plan.add_error(field if field in self.plan.fields else None, text)

    @property
    def context(self) -> dict[str, Any]:
        return {
            "new": self,
            "strategies": registry.STRATEGIES.values(),
            "trial_count": queries.trial_count(self.strategy),
            "stored": stored_candles(),
        }


def wide_step(bounds: tuple[float, float], step: float) -> float:
    """A multiple of `step` with which a range has at most FEW values."""
    span = bounds[1] - bounds[0]
    if not step:
        return span / (FEW - 1)
    return step * max(math.ceil(span / step / (FEW - 1) - 1e-9), 1)


def short(value: float) -> Decimal:
    """As somebody would type it."""
    return Decimal(f"{value:.10g}")
