"""Knobs that people give, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from pydantic import ValidationError

from trading.errors import KnobsInvalid
from trading.knobs import Knobs


def checked_knobs(given: Mapping[str, Any]) -> Knobs:
    """The given knobs over what the environment says. Refuses KnobsInvalid with the fields."""
    try:
        return Knobs.model_validate({**Knobs.defaults(settings.ENV).model_dump(), **given})
    except ValidationError as error:
        fields: dict[str, object] = {
            ".".join(str(part) for part in item["loc"]): [item["msg"]] for item in error.errors()
        }
        raise KnobsInvalid("Some knobs are out of bounds.", fields=fields) from None
