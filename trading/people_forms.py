"""What people type about their own second factor, and administrators about somebody's."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import QuerySet

from trading.live_forms import CodeField, ProofForm, refuse

__all__ = ["refuse"]


class CodeForm(forms.Form):
    """A code alone: the password was given just before."""

    code = CodeField(required=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["autofocus"] = True


class ResetForm(ProofForm):
    """Whose second factor goes, and why."""

    person = forms.ModelChoiceField(
        User.objects.none(), to_field_name="username", empty_label="Choose"
    )
    reason = forms.CharField(
        min_length=3, max_length=200, label="Why", help_text="How you know that it is them, too."
    )

    def __init__(self, people: QuerySet[User], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].queryset = people  # type: ignore[attr-defined]
