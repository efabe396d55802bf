"""One HTTP exchange with a model's server: bounded in time, bytes and address, never redirected.

httpcore rather than httpx: it follows nothing, reads no proxy from the environment, unpacks
nothing, and its network backend is ours, so that one deadline holds for the whole exchange,
however slowly the other side lets its bytes drip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import httpcore

from approvals.advisor.deadline import CHUNK, Backend
from approvals.guard import Networks, guarded
from config import clock


class Trouble(StrEnum):
    """Why there is no answer."""

    ADDRESS_REFUSED = "ADDRESS_REFUSED"
    UNREACHABLE = "UNREACHABLE"
    TOO_SLOW = "TOO_SLOW"
    TOO_LARGE = "TOO_LARGE"
    CUT = "CUT"
    BROKEN = "BROKEN"
    REDIRECTED = "REDIRECTED"
    KEY_REFUSED = "KEY_REFUSED"
    BUSY = "BUSY"
    FAILING = "FAILING"
    REQUEST_REFUSED = "REQUEST_REFUSED"


class CallFailed(Exception):
    """No answer. `sent`: the other side may have worked, and charged, for it.

    `detail` is our own wording: nothing that the other side said and no key is in it.
    """

    def __init__(
        self,
        code: Trouble,
        detail: str,
        *,
        sent: bool = True,
        status: int | None = None,
        raw: bytes = b"",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.sent = sent
        self.status = status
        self.raw = raw
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Line:
    """How far one exchange may go."""

    networks: Networks = ()  # private ones that a setting names
    deadline_s: float = 60.0
    most_bytes: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer with status 200."""

    content: bytes
    took_s: float


@dataclass(slots=True)
class _Read:
    """What has come so far, kept for the archive though the rest fails."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content: bytearray = field(default_factory=bytearray)


def exchange(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None, line: Line
) -> Reply:
    """Ask once. Raises CallFailed; never tries again."""
    started = clock.mono()
    got = _Read()
    # Plain http is for a server on a network of our own: there a key is not read on the way.
    public = url.startswith("https://")
    with guarded(line.networks, public=public) as guard:
        try:
            _read(method, url, headers, body, line, got)
        except (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.UnsupportedProtocol):
            if guard.refused:
                raise CallFailed(
                    Trouble.ADDRESS_REFUSED, "The address may not be used.", sent=False
                ) from None
            raise CallFailed(Trouble.UNREACHABLE, "No connection.", sent=False) from None
        except httpcore.TimeoutException:
            raise _failed(Trouble.TOO_SLOW, f"No answer within {line.deadline_s:g} s.", got) from (
                None
            )
        except (httpcore.NetworkError, httpcore.ProtocolError):
            raise _failed(Trouble.CUT, "The answer broke off.", got) from None
    _check_status(got)
    return Reply(bytes(got.content), clock.mono() - started)


def _read(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None, line: Line, got: _Read
) -> None:
    sent = [("Host", _host(url)), ("Accept", "application/json"), *headers.items()]
    if body is not None:
        sent += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    with (
        httpcore.ConnectionPool(
            max_connections=1, retries=0, network_backend=Backend(line.deadline_s)
        ) as pool,
        pool.stream(method, url, headers=sent, content=body) as response,
    ):
        got.status = response.status
        got.headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in response.headers
        }
        for chunk in response.iter_stream():
            got.content += chunk
            if len(got.content) > line.most_bytes:
                what = f"More than {line.most_bytes:,} bytes came."
                raise _failed(Trouble.TOO_LARGE, what, got)


def _host(url: str) -> str:
    return url.split("://", 1)[1].split("/", 1)[0]


def _check_status(got: _Read) -> None:
    status = got.status or 0
    if got.headers.get("content-encoding", "identity") != "identity":
        raise _failed(Trouble.BROKEN, "The answer is packed, which nobody asked for.", got)
    if status == 200:
        return
    for statuses, code, words in _MEANINGS:
        if status in statuses:
            raise _failed(code, f"{words} (HTTP {status}).", got)
    raise _failed(Trouble.FAILING, f"The answer was HTTP {status}.", got)


_MEANINGS: tuple[tuple[Sequence[int], Trouble, str], ...] = (
    (range(300, 400), Trouble.REDIRECTED, "It points elsewhere, and is not followed"),
    ((401, 403), Trouble.KEY_REFUSED, "The key is not accepted"),
    ((429,), Trouble.BUSY, "It wants a pause"),
    (range(400, 500), Trouble.REQUEST_REFUSED, "The request is not accepted"),
)


def _failed(code: Trouble, detail: str, got: _Read) -> CallFailed:
    return CallFailed(
        code,
        detail,
        status=got.status,
        raw=bytes(got.content[:CHUNK]),
        retry_after_s=_seconds(got.headers.get("retry-after", "")),
    )


def _seconds(text: str) -> float | None:
    return min(float(text), 3600.0) if text.isascii() and text.isdigit() and len(text) < 9 else None
