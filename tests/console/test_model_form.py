"""A form made from a pydantic model says and checks what the model does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from django import forms
from pydantic import BaseModel, Field, model_validator

from strategies.forms import model_form, params_form


class Sample(BaseModel):
    count: int = Field(3, ge=1, le=9, title="Count", description="How many")
    share: Decimal = Field(Decimal("0.5"), gt=0, le=1, title="Share")
    mode: Literal["long_flat", "rebalance"] = "long_flat"
    on: bool = False
    note: str = "x"

    @model_validator(mode="after")
    def _together(self) -> Sample:
        if self.note == "odd":
            raise ValueError("too odd")
        return self


def _form(**given: Any) -> forms.Form:
    data = {"count": "3", "share": "0.5", "mode": "rebalance", "note": "n", **given}
    return model_form(Sample)(data)


def test_each_property_is_a_field_of_its_kind() -> None:
    kinds = {name: type(field).__name__ for name, field in model_form(Sample)().fields.items()}

    assert kinds == {
        "count": "IntegerField",
        "share": "DecimalField",
        "mode": "ChoiceField",
        "on": "BooleanField",
        "note": "CharField",
    }


def test_help_tells_the_bounds() -> None:
    fields = model_form(Sample)().fields

    assert fields["count"].help_text == "How many. 1 to 9."
    assert fields["share"].help_text == "Above 0 to 1."


def test_good_values_come_out_typed() -> None:
    form = _form(share="0.25", on="1")

    assert form.is_valid()
    assert form.cleaned_data["share"] == Decimal("0.25")
    assert form.cleaned_data["on"] is True


def test_bounds_are_checked_by_field() -> None:
    form = _form(count="10", share="1.5")

    assert set(form.errors) == {"count", "share"}


def test_an_exclusive_bound_is_left_to_the_model() -> None:
    assert "greater than 0" in str(_form(share="0").errors["share"])


def test_rules_of_the_whole_model_count() -> None:
    assert "too odd" in str(_form(note="odd").non_field_errors())


def test_a_strategy_s_own_parameters_come_first() -> None:
    names = list(params_form("trend_ema")().fields)

    assert names[0] == "fast"
    assert names[-3:] == ["stop_loss", "take_profit", "trailing"]
