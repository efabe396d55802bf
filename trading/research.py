"""What the research commands read from the shell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from django.core.management.base import CommandError
from rest_framework.serializers import ValidationError

from config.query_params import parse_ms
from config.refusals import Refusal


def instant(options: Mapping[str, Any], name: str) -> int:
    """The option `from_ms` or `to_ms` in ms; CommandError for what is no time."""
    try:
        return parse_ms(options[name], name)
    except ValidationError:
        option = name.removesuffix("_ms")
        raise CommandError(f"--{option}: {options[name]} is no time.") from None


def pair(text: str, option: str) -> tuple[str, Any]:
    """What `option` was given as name=value; the value as JSON where it is some, else as text."""
    name, found, value = text.partition("=")
    if not found or not name:
        raise CommandError(f"{option} takes name=value, not {text}.")
    try:
        return name, orjson.loads(value)
    except orjson.JSONDecodeError:
        return name, value


def sentence(refusal: Refusal) -> str:
    """A refusal with the fields that it names, in one line."""
    return " ".join([refusal.detail, *(_field(*each) for each in refusal.fields.items())])


def _field(name: str, words: object) -> str:
    lines = words if isinstance(words, list | tuple) else [words]
    return f"{name}: {' '.join(str(line).rstrip('.') for line in lines)}."
