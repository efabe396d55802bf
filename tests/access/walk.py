"""Every URL that the project answers, found by asking the resolver."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver

_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")
_GROUP = re.compile(r"\(\?P<(\w+)>[^)]*\)")


@dataclass(frozen=True, slots=True)
class Route:
    """One pattern, as "/bots/<bot_id>/stop", and the view behind it."""

    pattern: str
    view: Callable[..., Any]


def routes(resolver: URLResolver, prefix: str = "/") -> Iterator[Route]:
    """All routes below `resolver`, in the order in which they are tried."""
    for entry in resolver.url_patterns:
        path = prefix + _text(entry)
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        else:
            yield Route(path, entry.callback)


def _text(entry: URLPattern | URLResolver) -> str:
    text = str(entry.pattern).removeprefix("^").removesuffix(r"\Z").removesuffix("$")
    return _CONVERTER.sub(r"<\1>", _GROUP.sub(r"<\1>", text)).replace("\\.", ".")
