"""What the research commands read from the shell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError
from rest_framework.serializers import ValidationError

from config.query_params import parse_ms


def instant(options: Mapping[str, Any], name: str) -> int:
    """The option `from_ms` or `to_ms` in ms; CommandError for what is no time."""
    try:
        return parse_ms(options[name], name)
    except ValidationError:
        option = name.removesuffix("_ms")
        raise CommandError(f"--{option}: {options[name]} is no time.") from None
