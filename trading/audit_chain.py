"""How audit events are bound together. Pure.

hash = sha256(previous hash as bytes || canonical JSON of the event); it needs no key and
shows edits, removals and reorderings. mac = HMAC-SHA256(key, hash): whoever can write the
database but lacks the key can't make a new chain.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Link:
    """A stored event as verification sees it."""

    seq: int
    content: Mapping[str, Any]
    prev_hash: str
    hash: str
    mac: str


@dataclass(frozen=True, slots=True)
class Problem:
    """The first thing that is wrong at `seq`."""

    seq: int
    what: str


def canonical(content: Mapping[str, Any]) -> bytes:
    """Sorted keys, no spaces, UTF-8; decimals and times are strings already."""
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def instant(at: datetime) -> str:
    """UTC with microseconds and Z, always of one length."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def chain_hash(prev_hash: str, content: Mapping[str, Any]) -> str:
    """sha256 over the previous hash and the event."""
    return hashlib.sha256(bytes.fromhex(prev_hash) + canonical(content)).hexdigest()


def seal(key: str, digest: str) -> str:
    """HMAC-SHA256 of a chain hash."""
    return hmac.new(key.encode(), digest.encode(), hashlib.sha256).hexdigest()


def verify(links: Iterable[Link], *, key: str) -> tuple[list[Problem], int, str]:
    """Problems found, newest seq, newest hash. `links` come oldest first."""
    problems: list[Problem] = []
    seq, head = 0, GENESIS
    for link in links:
        problems.extend(_check(link, seq, head, key))
        seq, head = link.seq, link.hash
    return problems, seq, head


def _check(link: Link, seq: int, head: str, key: str) -> Iterable[Problem]:
    if link.seq != seq + 1:
        yield Problem(link.seq, f"events {seq + 1} to {link.seq - 1} are missing")
    if link.prev_hash != head:
        yield Problem(link.seq, "does not follow the event before it")
    if chain_hash(link.prev_hash, link.content) != link.hash:
        yield Problem(link.seq, "its content was changed")
    elif not hmac.compare_digest(seal(key, link.hash), link.mac):
        yield Problem(link.seq, "its seal is not ours")
