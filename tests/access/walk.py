"""Every URL that the project answers, found by asking the resolver."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver
from django.urls.resolvers import RoutePattern

_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Route:
    """One pattern, as "/bots/<bot_id>/stop", and the view behind it."""

    pattern: str
    name: str


def routes(resolver: URLResolver, prefix: str = "/") -> Iterator[Route]:
    """All routes below `resolver`, in the order in which they are tried."""
    for entry in resolver.url_patterns:
        path = prefix + _text(entry)
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        else:
            yield Route(path, entry.name or "")


def _text(entry: URLPattern | URLResolver) -> str:
    if isinstance(entry.pattern, RoutePattern):
        return _CONVERTER.sub(r"<\1>", str(entry.pattern))
    return str(entry.pattern).removeprefix("^").removesuffix(r"\Z").removesuffix("$")
