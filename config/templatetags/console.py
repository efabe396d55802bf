"""How numbers, times and icons look on a page. Unknown is always a dash, never a zero."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from config import clock
from config.fields import plain

register = template.Library()

UNKNOWN = "–"
MINUS = "−"

Number = Decimal | float | int


def _decimal(value: object) -> Decimal | None:
    """Any number as Decimal; None for what isn't one or isn't finite."""
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(str(value)) if math.isfinite(value) else None


def _fixed(value: Decimal, places: int) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    text = f"{abs(rounded):,.{places}f}"
    return f"{MINUS}{text}" if rounded < 0 else text


@register.filter
def number(value: object, places: int = 2) -> str:
    """1234.5 -> 1,234.50"""
    found = _decimal(value)
    return UNKNOWN if found is None else _fixed(found, places)


@register.filter
def signed(value: object, places: int = 2) -> str:
    """1234.5 -> +1,234.50"""
    found = _decimal(value)
    if found is None:
        return UNKNOWN
    text = _fixed(found, places)
    return f"+{text}" if found > 0 and any(digit in text for digit in "123456789") else text


@register.filter
def percent(value: object, places: int = 2) -> str:
    """A fraction as per cent: 0.0125 -> 1.25 %"""
    found = _decimal(value)
    return UNKNOWN if found is None else f"{_fixed(found * 100, places)}\u202f%"


@register.filter
def signed_percent(value: object, places: int = 2) -> str:
    """0.0125 -> +1.25 %"""
    found = _decimal(value)
    return UNKNOWN if found is None else f"{signed(found * 100, places)}\u202f%"


@register.filter
def price(value: object, tick: object = None) -> str:
    """A price with the digits of its tick, or with as many as its size calls for."""
    found = _decimal(value)
    return UNKNOWN if found is None else _fixed(found, price_places(found, tick))


@register.filter
def price_places(value: object, tick: object = None) -> int:
    """Digits after the point: those of `tick`, else by the price's own size."""
    step = _decimal(tick)
    if step is not None and step > 0:
        return max(0, -int(plain(step).as_tuple().exponent))
    size = abs(_decimal(value) or Decimal(0))
    return 2 if size >= 100 else 4 if size >= 1 else 6


@register.filter
def qty(value: object) -> str:
    """A quantity with the digits that it has, at most eight."""
    found = _decimal(value)
    if found is None:
        return UNKNOWN
    short = plain(found.quantize(Decimal("1e-8"), rounding=ROUND_HALF_EVEN))
    return f"{short:,f}".replace("-", MINUS)


@register.filter
def compact(value: object) -> str:
    """1234567 -> 1.23M"""
    found = _decimal(value)
    if found is None:
        return UNKNOWN
    for limit, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if abs(found) >= limit:
            return f"{_fixed(found / limit, 2)}{unit}"
    return _fixed(found, 2)


@register.filter
def tone(value: object) -> str:
    """The class that colours a gain or a loss; "" for zero and unknown."""
    found = _decimal(value)
    if found is None or not found:
        return ""
    return "up" if found > 0 else "down"


@register.filter
def duration(seconds: object) -> str:
    """Seconds as people say them: 4 s, 12 min, 3 h, 2 d."""
    found = _decimal(seconds)
    if found is None:
        return UNKNOWN
    whole = max(0, int(found))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if whole >= size:
            return f"{whole // size}\u202f{unit}"
    return f"{whole}\u202fs"


@register.filter
def at(value: object) -> str:
    """An instant in UTC to the second."""
    found = clock.from_ms(value) if isinstance(value, int) and value > 0 else value
    return f"{found:%Y-%m-%d %H:%M:%S}" if isinstance(found, datetime) else UNKNOWN


@register.filter
def at_minute(value: object) -> str:
    """An instant in UTC to the minute."""
    text = at(value)
    return text if text == UNKNOWN else text[:-3]


@register.filter
def moment(value: object) -> str:
    """An instant in UTC as short as it may be: 14:05 today, else 20 Nov 14:05."""
    found = clock.from_ms(value) if isinstance(value, int) and value > 0 else value
    if not isinstance(found, datetime):
        return UNKNOWN
    today = found.date() == clock.now().date()
    return f"{found:%H:%M}" if today else f"{found.day} {found:%b %H:%M}"


@register.filter
def at_iso(value: object) -> str:
    """An instant for a form's datetime-local field."""
    return at_minute(value).replace(" ", "T").replace(UNKNOWN, "")


@register.filter
def ms(value: datetime) -> int:
    """An instant as the charts count."""
    return clock.to_ms(value)


@register.simple_tag
def ago(value: datetime | None) -> SafeString | str:
    """How long ago, kept current by the page."""
    if value is None:
        return UNKNOWN
    seconds = (clock.now() - value).total_seconds()
    text = "now" if seconds < 1 else f"{duration(seconds)} ago"
    return format_html(
        '<relative-time datetime="{}" title="{} UTC">{}</relative-time>',
        value.isoformat(),
        at(value),
        text,
    )


@register.simple_tag
def left(value: datetime | None) -> SafeString | str:
    """How long until then, kept current by the page."""
    if value is None:
        return UNKNOWN
    seconds = (value - clock.now()).total_seconds()
    text = "over" if seconds <= 0 else f"{duration(seconds)} left"
    return format_html(
        '<time-left datetime="{}" title="{} UTC">{}</time-left>', value.isoformat(), at(value), text
    )


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite; decorative unless it gets a label."""
    if label:
        return format_html(
            '<svg class="icon" width="16" height="16" role="img" aria-label="{}">'
            '<use href="#i-{}"></use></svg>',
            label,
            name,
        )
    return format_html(
        '<svg class="icon" width="16" height="16" aria-hidden="true">'
        '<use href="#i-{}"></use></svg>',
        name,
    )


@register.simple_tag
def spark(values: Sequence[float], label: str = "") -> SafeString | str:
    """A line of `values` without axes; a dash when there are fewer than two."""
    known = [float(value) for value in values if math.isfinite(value)]
    if len(known) < 2:
        return UNKNOWN
    return format_html(
        '<svg class="spark {}" viewBox="0 0 96 26" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><polyline points="{}"></polyline></svg>',
        tone(known[-1] - known[0]),
        label,
        spark_points(known),
    )


@register.simple_tag
def heat(parts: Sequence[float], label: str = "") -> SafeString:
    """A row of cells, one for each part in [0, 1]: nothing for 0, the fuller the stronger."""
    cells = format_html_join(
        "",
        '<rect class="heat__{}" x="{}" width="3" height="12"></rect>',
        (
            ("most" if part >= 0.5 else "some" if part >= 0.1 else "few", 4 * index)
            for index, part in enumerate(parts)
            if part > 0
        ),
    )
    return format_html(
        '<svg class="heat" viewBox="0 0 {} 12" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><rect class="heat__whole" width="{}" height="12"></rect>{}</svg>',
        4 * len(parts),
        label,
        4 * len(parts),
        cells,
    )


def spark_points(values: Sequence[float]) -> str:
    """`values` scaled into 96 x 26 with a pixel of air above and below."""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    step = 96 / (len(values) - 1)
    return " ".join(
        f"{index * step:.1f},{25 - 24 * (value - low) / span:.1f}"
        for index, value in enumerate(values)
    )


@register.filter
def dashed(symbol_name: str) -> str:
    """BTC/USDT as a URL writes it."""
    return symbol_name.replace("/", "-")


@register.filter
def titled(name: str) -> str:
    """max_drawdown -> Max drawdown"""
    return name.replace("_", " ").replace(".", " ").capitalize()


@register.filter
def shown(value: object) -> str:
    """A stored value as a person reads it."""
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return str(value)


@register.filter
def differences(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> list[tuple[str, str, str]]:
    """(key, before, after) for each key whose value is not the same, by name."""
    old, new = _as_mapping(before), _as_mapping(after)
    return [
        (key, shown(old.get(key)), shown(new.get(key)))
        for key in _keys(old, new)
        if old.get(key) != new.get(key)
    ]


def _keys(*mappings: Mapping[str, Any]) -> Iterable[str]:
    return sorted({str(key) for mapping in mappings for key in mapping})


def _as_mapping(value: object) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    return {} if value is None else {"value": value}


_TONES = {
    "GREEN": "up",
    "AMBER": "warn",
    "RED": "down",
    "RUNNING": "up",
    "DONE": "up",
    "FILLED": "up",
    "ACTIVE": "up",
    "ENTER": "up",
    "BUY": "up",
    "TRADING": "up",
    "OPEN": "info",
    "PARTIAL": "info",
    "SUBMITTING": "info",
    "FINISHED": "info",
    "QUEUED": "info",
    "APPROVED": "info",
    "PENDING": "warn",
    "USED": "up",
    "EXPIRED": "down",
    "SIMULATED": "info",
    "CANDIDATE": "accent",
    "CLEAN": "up",
    "DIFFERENT": "down",
    "ABORTED": "warn",
    "ACKNOWLEDGED": "info",
    "STANDING": "up",
    "OK": "up",
    "LONG": "up",
    "RESTING": "info",
    "CROSS_UP": "up",
    "CROSS_DOWN": "down",
    "RSI_OVERSOLD": "info",
    "RSI_OVERBOUGHT": "warn",
    "ASKED": "warn",
    "PAUSED": "warn",
    "UNKNOWN": "warn",
    "HALTED": "warn",
    "EXIT": "warn",
    "SELL": "down",
    "EMERGENCY_STOP": "down",
    "DENIED": "down",
    "REJECTED": "down",
    "FAILED": "down",
    "NEEDS_HUMAN": "down",
}


@register.simple_tag
def status(value: str, kind: str = "dot") -> SafeString:
    """A stored status as a badge in its colour; `kind` is dot or plain."""
    return format_html(
        '<span class="badge badge--{} badge--{}">{}</span>',
        kind,
        _TONES.get(value, "still"),
        value.replace("_", " ").capitalize(),
    )
