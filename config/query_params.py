"""Query parameters read strictly: rubbish is refused with the parameter's name, never ignored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from rest_framework.exceptions import ValidationError

from config.clock import to_ms

Params = Mapping[str, str]

_LATEST_MS = 253_402_300_799_999  # the last instant of the year 9999


def text(params: Params, name: str) -> str:
    """The parameter as it is; refused when it is missing or empty."""
    value = params.get(name, "").strip()
    if not value:
        raise ValidationError({name: ["This parameter is required."]})
    return value


def whole_number(
    params: Params, name: str, *, default: int, lowest: int = 0, highest: int = 2**63 - 1
) -> int:
    """A whole number within bounds (inclusive), or the default when it isn't given."""
    found = optional_number(params, name, lowest=lowest, highest=highest)
    return default if found is None else found


def optional_number(
    params: Params, name: str, *, lowest: int = 0, highest: int = 2**63 - 1
) -> int | None:
    """A whole number within bounds (inclusive), or None when it isn't given."""
    value = params.get(name)
    if value is None or value == "":
        return None
    # isascii: int() also takes the digits of other scripts.
    if not (value.isascii() and value.removeprefix("-").isdigit() and len(value) <= 20):
        raise ValidationError({name: ["Must be a whole number."]})
    if not lowest <= int(value) <= highest:
        raise ValidationError({name: [f"Must be from {lowest} to {highest}."]})
    return int(value)


def optional_ms(params: Params, name: str) -> int | None:
    """An instant as UTC ms: from ISO 8601 (UTC when it names no zone) or from ms themselves."""
    value = params.get(name)
    return None if value is None or value == "" else parse_ms(value, name)


def parse_ms(value: str | int, name: str) -> int:
    """`value` as UTC ms since the epoch; ValidationError under `name` when it is neither form."""
    raw = str(value)
    if raw.isascii() and raw.isdigit() and len(raw) <= 15 and int(raw) <= _LATEST_MS:
        return int(raw)
    # A "+" of an offset arrives as a space when the client did not encode it.
    try:
        parsed = datetime.fromisoformat(raw.replace(" ", "+") if "T" in raw else raw)
        return to_ms(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ValidationError(
            {name: ["Must be an ISO 8601 date or time, or milliseconds since the epoch."]}
        ) from None


def optional_instant(params: Params, name: str) -> datetime | None:
    """The same instant as an aware datetime."""
    found = optional_ms(params, name)
    return None if found is None else datetime.fromtimestamp(found / 1000, tz=UTC)


def optional_choice(params: Params, name: str, choices: Iterable[str]) -> str | None:
    """One of `choices` whatever its case, or None when it isn't given."""
    value = params.get(name)
    if value is None or value == "":
        return None
    known = {choice.lower(): choice for choice in choices}
    if value.lower() not in known:
        raise ValidationError({name: [f"Must be one of: {', '.join(known.values())}."]})
    return known[value.lower()]


def comma_list(params: Params, name: str, *, at_most: int = 200) -> list[str]:
    """The parts of a comma-separated parameter, without blanks and doubles, in order."""
    parts = [part.strip() for part in params.get(name, "").split(",") if part.strip()]
    if len(parts) > at_most:
        raise ValidationError({name: [f"At most {at_most} at once."]})
    return list(dict.fromkeys(parts))
