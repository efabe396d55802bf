"""The form of a draft: parameters from the strategy's schema, a note, what others have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from config.pages import whole_number
from config.refusals import Refusal
from strategies import queries as strategy_queries
from strategies import registry
from strategies.errors import DraftChanged, VersionExists
from strategies.forms import ModelForm, params_form
from strategies.models import StrategyVersion

PREFIX = "params"


class NoteForm(forms.Form):
    note = forms.CharField(
        max_length=200, required=False, help_text="What you are after; 200 characters at most."
    )


@dataclass(frozen=True, slots=True)
class ParamRow:
    """A field with what the version that it begins with, and the active one, have there."""

    field: forms.BoundField
    start: Any
    active: Any


class DraftForm:
    """A new draft that begins with a version, or one that is edited."""

    def __init__(
        self,
        strategy: str,
        *,
        start: StrategyVersion,
        data: QueryDict | None = None,
        draft: StrategyVersion | None = None,
    ) -> None:
        self.strategy, self.start, self.draft = strategy, start, draft
        self.params: ModelForm = params_form(strategy)(
            data, prefix=PREFIX, initial=dict(start.params)
        )
        note = draft.note if draft else ""
        self.note = NoteForm(data, initial={"note": note})
        # What was read: typed values are never written over somebody else's.
        self.seen = data.get("seen", "") if data else start.params_hash
        self.twin: StrategyVersion | None = None
        self.stale = False

    @property
    def is_valid(self) -> bool:
        return all([self.params.is_valid(), self.note.is_valid()])

    @property
    def asked(self) -> dict[str, Any]:
        """What the services take."""
        return {"params": dict(self.params.cleaned_data), "note": self.note.cleaned_data["note"]}

    @property
    def rows(self) -> list[ParamRow]:
        active = active_params(self.strategy)
        return [
            ParamRow(field, self.start.params.get(field.name), active.get(field.name))
            for field in self.params
        ]

    @property
    def title(self) -> str:
        return registry.get(self.strategy).title

    @property
    def status(self) -> int:
        if self.stale or self.twin:
            return 409
        return 422 if self.params.is_bound else 200

    def refuse(self, refusal: Refusal) -> None:
        """Show what was refused; what was typed stays."""
        self.stale = isinstance(refusal, DraftChanged)
        if isinstance(refusal, VersionExists):
            number = int(str(refusal.fields["version"]))
            self.twin = strategy_queries.version_numbered(self.strategy, number)
        elif not self.stale:
            named = [name for name in refusal.fields if name in self.params.fields]
            for name in named:
                self.params.add_error(name, str(refusal.fields[name]))
            if not named:
                self.params.add_error(None, refusal.detail)


def draft_form(name: str, data: QueryDict, *, sent: bool) -> DraftForm:
    """A new draft from the version `from`, else from the active one."""
    wanted = whole_number({"from": str(data.get("from", ""))}, "from")
    start = (
        strategy_queries.active_version(name)
        if wanted is None
        else strategy_queries.version_numbered(name, wanted)
    )
    return DraftForm(name, start=start, data=data if sent else None)


def active_params(strategy: str) -> dict[str, Any]:
    """Of the active version; {} while there is none."""
    rows = strategy_queries.versions_of(strategy)
    found = rows.filter(state=StrategyVersion.State.ACTIVE).first()
    return dict(found.params) if found else {}


def fields_of(version: StrategyVersion) -> dict[str, str]:
    """What the form would send to make it again."""
    typed = {f"{PREFIX}-{name}": str(value) for name, value in version.params.items()}
    return {**typed, "note": version.note}
