"""Forms made from pydantic models: the bounds and the help stand in one place, the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from pydantic import BaseModel, ValidationError

from strategies import registry

Schema = Mapping[str, Any]


class ModelForm(forms.Form):
    """A form whose fields are a pydantic model's; cleaning also asks the model as a whole."""

    params_model: ClassVar[type[BaseModel]]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            self.params_model.model_validate(cleaned)
        except ValidationError as error:
            for item in error.errors():
                name = str(item["loc"][0]) if item["loc"] else None
                self.add_error(name if name in self.fields else None, _sentence(item["msg"]))
        return cleaned


def params_form(strategy_name: str) -> type[ModelForm]:
    """The form of a strategy's parameters, its own first, the protective exits last."""
    strategy = registry.get(strategy_name)
    return model_form(strategy.params_model, strategy.schema())


def model_form(model: type[BaseModel], schema: Schema | None = None) -> type[ModelForm]:
    """A form class with one field for each property of the model's JSON schema."""
    properties = (schema or model.model_json_schema())["properties"]
    fields = {name: _field(name, details) for name, details in properties.items()}
    return type(f"{model.__name__}Form", (ModelForm,), {"params_model": model, **fields})


def _field(name: str, details: Schema) -> forms.Field:
    """The form field of one property: its kind from the type, its bounds as they are."""
    common: dict[str, Any] = {
        "label": details.get("title", name),
        "help_text": _help(details),
        "initial": details.get("default"),
    }
    kind = _numeric_part(details)
    if "enum" in details:
        choices = [(value, str(value).replace("_", " ")) for value in details["enum"]]
        return forms.ChoiceField(choices=choices, **common)
    if kind.get("type") == "boolean":
        return forms.BooleanField(required=False, **common)
    if kind.get("type") == "string":
        return forms.CharField(max_length=200, **common)
    bounds = {
        "min_value": kind.get("minimum", kind.get("exclusiveMinimum")),
        "max_value": kind.get("maximum", kind.get("exclusiveMaximum")),
    }
    if kind.get("type") == "integer":
        return forms.IntegerField(**bounds, **common)
    # A Decimal: what was typed reaches the model digit by digit.
    field = forms.DecimalField(**bounds, **common)
    # How far an arrow key goes; what lies between two steps is refused by nobody.
    field.widget.attrs["step"] = details.get("step", "any")
    return field


def _numeric_part(details: Schema) -> Schema:
    """pydantic writes a Decimal as "number or string": the number holds the bounds."""
    options: list[Schema] = details.get("anyOf", [details])
    return next((option for option in options if option.get("type") != "string"), options[0])


def _help(details: Schema) -> str:
    words = str(details.get("description", "")).rstrip(".")
    return " ".join(part for part in (f"{words}." if words else "", _bounds(details)) if part)


def _bounds(details: Schema) -> str:
    kind = _numeric_part(details)
    unit = details.get("unit", "")
    suffix = f" {unit}" if unit and unit != "fraction" else ""
    low = kind.get("minimum", kind.get("exclusiveMinimum"))
    high = kind.get("maximum", kind.get("exclusiveMaximum"))
    if low is None or high is None:
        return ""
    above = "Above " if "exclusiveMinimum" in kind else ""
    return f"{above}{low:g} to {high:g}{suffix}."


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:].rstrip('.')}."
