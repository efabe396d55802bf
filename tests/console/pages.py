"""Reading pages in tests: what a person sees, what a fragment is asked by."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client
from django.utils.html import strip_tags


def text_of(response: Any) -> str:
    """The words of a page, with single spaces."""
    page = re.sub(r"<(svg|style|script)\b.*?</\1>", " ", body(response), flags=re.DOTALL)
    return " ".join(strip_tags(page.replace("><", "> <")).replace("\u202f", " ").split())


def body(response: Any) -> str:
    """The page as it was sent."""
    return bytes(response.content).decode()


def fragment(client: Client, url: str, target: str) -> Any:
    """What htmx gets when the element `target` reads itself again."""
    return client.get(url, headers={"HX-Request": "true", "HX-Target": target})


def command(client: Client, url: str, **data: Any) -> Any:
    """A button pressed with htmx."""
    return client.post(url, data, headers={"HX-Request": "true"})


def is_fragment(response: Any) -> bool:
    """Whether the frame was left out."""
    return "<html" not in body(response)
