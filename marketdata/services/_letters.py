"""Setting aside what could not be stored, with the reason."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any

import orjson

from marketdata.models import DeadLetter


def set_aside(
    *, kind: str, source: str, letters: Iterable[tuple[Mapping[str, Any], str]], now: datetime
) -> None:
    """Keep (payload, reason) pairs as dead letters; the same letter from one source once."""
    rows = []
    for payload, reason in letters:
        plain = {key: _plain(value) for key, value in payload.items()}
        rows.append(
            DeadLetter(
                kind=kind,
                source=source[:80],
                payload=plain,
                reason=reason[:200],
                digest=_digest(kind, source, plain, reason),
                at=now,
            )
        )
    DeadLetter.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)


def _digest(*parts: object) -> str:
    data = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(data).hexdigest()[:32]


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: they are kept as words."""
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
