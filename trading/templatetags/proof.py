"""The fields that ask who is there."""

from __future__ import annotations

from typing import Any

from django import forms, template
from django.template.context import Context

from trading.services import has_second_factor

register = template.Library()


@register.inclusion_tag("components/proof.html", takes_context=True)
def proof(context: Context, form: forms.Form) -> dict[str, Any]:
    """The password of a ProofForm, and the code for people who have a second factor."""
    return {"form": form, "asks_code": has_second_factor(context["request"].user)}
