"""The archive opened for a person, and what the provider has to offer."""

from __future__ import annotations

import hashlib
from typing import Any

from django.conf import settings
from django.core.cache import cache

from approvals import ai_queries
from approvals.errors import LlmFailed
from approvals.models import LlmCall
from approvals.services._analyst import list_models
from approvals.services._calls import answer_of, call_digest, prompt_of
from trading.sealing import SealBroken

REMEMBERED_S = 60
FAILED_S = 15  # who asks again at once hears the same, and the provider nothing


def opened_call(*, call_id: int) -> dict[str, Any]:
    """A call with prompt, answer (None when a seal doesn't open) and whether it is genuine.

    Refuses LlmCallUnknown.
    """
    row = ai_queries.call(call_id)
    told = {field.name: getattr(row, field.name) for field in LlmCall._meta.concrete_fields}
    return {
        **told,
        "row": row,
        "prompt": _opened(prompt_of, row),
        "answer": _opened(answer_of, row),
        "genuine": call_digest(row) == row.digest,
    }


def known_models() -> dict[str, Any]:
    """What the provider has, asked at most once a minute. Refuses LlmOff, LlmFailed."""
    key = models_key()
    names = cache.get(key)
    if isinstance(names, str):
        raise LlmFailed(names)
    if names is None:
        try:
            names = list_models()
        except LlmFailed as failure:
            cache.set(key, failure.detail, FAILED_S)
            raise
        cache.set(key, names, REMEMBERED_S)
    return {"provider": settings.ENV.llm_provider, "models": names}


def models_key() -> str:
    """Where the list of this provider at this address is remembered."""
    env = settings.ENV
    address = hashlib.sha256(env.llm_base_url.encode()).hexdigest()[:16]
    return f"llm-models:{env.llm_provider}:{address}"


def _opened(read: Any, row: LlmCall) -> str | None:
    try:
        found: str = read(row)
    except SealBroken:
        return None
    return found
