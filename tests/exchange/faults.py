"""What can go wrong between an exchange and us, each made of a few simple moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

HTML = b"<html><body><h1>Bad Gateway</h1></body></html>"


@dataclass(slots=True)
class Answer:
    """A response before it is sent."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


class HangUp(StrEnum):
    """How a connection ends without a whole answer."""

    RESET = "reset"
    CLOSE = "close"
    CUT = "cut"  # in the middle of the body


@dataclass(frozen=True, slots=True)
class Spoil:
    """What happens to one request. `accepted`: whether the exchange does what it was asked."""

    name: str
    accepted: bool = True
    change: Callable[[Answer], Answer] | None = None
    wait_s: float = 0.0  # before the answer
    hang_up: HangUp | None = None
    late_s: float | None = None  # it acts only so long after it hung up
    hide_queries: int = 0  # a placed order is unknown to so many queries
    hide_s: float = 0.0  # or for so long
    fill_first: bool = False  # an order to be cancelled fills before


@dataclass(slots=True)
class Fault:
    """Spoils the next `times` requests whose `METHOD path` holds `path`, each with a `chance`.

    `about` has to be in the query or body: a client id, or a symbol.
    """

    spoil: Spoil
    path: str = ""
    times: int = 1_000_000
    chance: float = 1.0
    about: str = ""


def status(
    code: int,
    *,
    retry_after: int | None = None,
    body: bytes = HTML,
    accepted: bool = False,
) -> Spoil:
    """An HTTP error, with an HTML page as gateways send it."""
    headers = {"Content-Type": "text/html"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return Spoil(f"status {code}", accepted, lambda answer: Answer(code, body, headers))


def body_of(body: bytes) -> Spoil:
    """Status 200 with another body: `null`, nothing, a page. The exchange has acted."""
    return Spoil("body_of", change=lambda answer: Answer(200, body, answer.headers))


def refused(body: dict[str, Any], *, code: int = 400, accepted: bool = False) -> Spoil:
    """An error in the venue's own words, whether or not the exchange acted."""
    return Spoil("refused", accepted, lambda answer: Answer(code, orjson.dumps(body)))


def slow(seconds: float) -> Spoil:
    """The right answer, too late."""
    return Spoil("slow", wait_s=seconds)


def stalled(seconds: float = 30.0) -> Spoil:
    """Nothing is done and nothing is said, until the connection closes."""
    return Spoil("stalled", accepted=False, wait_s=seconds, hang_up=HangUp.CLOSE)


def accepted_late(seconds: float) -> Spoil:
    """The connection closes at once; the exchange acts `seconds` later, if it is still in time."""
    return Spoil("accepted_late", late_s=seconds, hang_up=HangUp.CLOSE)


def hidden(*, queries: int = 0, seconds: float = 0.0) -> Spoil:
    """The order is accepted and answered, but queries do not know it for a while."""
    return Spoil("hidden", hide_queries=queries, hide_s=seconds)


def lost_and_hidden(*, queries: int = 0, seconds: float = 0.0) -> Spoil:
    """The answer is lost, and queries do not know the order for a while."""
    return Spoil("lost_and_hidden", hang_up=HangUp.CLOSE, hide_queries=queries, hide_s=seconds)


def mangled(change: Callable[[list[Any]], list[Any]]) -> Spoil:
    """The rows of a list answer changed by `change`; for Bybit in its own order."""

    def spoil(answer: Answer) -> Answer:
        body = orjson.loads(answer.body)
        if isinstance(body, list):
            body = change(body)
        else:
            body["result"]["list"] = change(body["result"]["list"])
        return Answer(200, orjson.dumps(body), answer.headers)

    return Spoil("mangled", change=spoil)


def with_fields(**fields: Any) -> Spoil:
    """Fields of the answer replaced, or left out where the value is None."""

    def spoil(answer: Answer) -> Answer:
        if answer.status != 200:  # maintenance, say: no fields to leave out
            return answer
        body = orjson.loads(answer.body)
        inner = body.get("result", body)
        for name, value in fields.items():
            inner.pop(name, None)
            if value is not None:
                inner[name] = value
        return Answer(answer.status, orjson.dumps(body), answer.headers)

    return Spoil("with_fields", change=spoil)


def _half(answer: Answer) -> Answer:
    return Answer(200, answer.body[: len(answer.body) // 2], answer.headers)


answer_lost = Spoil("answer_lost", hang_up=HangUp.CLOSE)
reset = Spoil("reset", accepted=False, hang_up=HangUp.RESET)
reset_after = Spoil("reset_after", hang_up=HangUp.RESET)
truncated = Spoil("truncated", change=_half)  # complete as far as HTTP can tell
cut_short = Spoil("cut_short", hang_up=HangUp.CUT)
fill_wins = Spoil("fill_wins", fill_first=True)  # of a cancel that comes too late
html = body_of(HTML)
without_client_id = with_fields(clientOrderId=None, orderLinkId=None)

# What can be asked for by name over HTTP; arguments are those of the function.
BY_NAME: dict[str, Spoil | Callable[..., Spoil]] = {
    "accepted_late": accepted_late,
    "answer_lost": answer_lost,
    "cut_short": cut_short,
    "fill_wins": fill_wins,
    "hidden": hidden,
    "html": html,
    "lost_and_hidden": lost_and_hidden,
    "refused": refused,
    "reset": reset,
    "reset_after": reset_after,
    "slow": slow,
    "stalled": stalled,
    "status": status,
    "truncated": truncated,
    "with_fields": with_fields,
    "without_client_id": without_client_id,
}


def by_name(name: str, **arguments: Any) -> Spoil:
    """Raises KeyError for a name that is not in BY_NAME."""
    found = BY_NAME[name]
    return found if isinstance(found, Spoil) else found(**arguments)
