"""The model that the settings name, its prices and its circuit."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import transaction

from approvals.advisor.costs import Prices
from approvals.advisor.provider import Provider
from approvals.errors import LlmLeftAlone, LlmOff, LlmPriceUnknown
from approvals.models import LlmCircuit
from marketdata import circuit as rules
from trading.services import record

PRICE_UNKNOWN = (
    "What a token costs is not known (LLM_PRICE_IN, LLM_PRICE_OUT), so nothing is asked."
)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Setup:
    """What the environment says about language models."""

    provider: Provider
    prices: Prices
    monthly: Decimal
    per_call: Decimal
    max_tokens: int
    temperature: float | None


def setup(*, deadline_s: float | None = None) -> Setup:
    """With less time than the setting gives, if `deadline_s` says so. Refuses LlmOff."""
    env = settings.ENV
    if not env.llm_enabled:
        raise LlmOff("No language model is switched on (LLM_ENABLED).")
    if not env.llm_model:
        raise LlmOff("No model is named (LLM_MODEL).")
    provider = Provider(
        name=env.llm_provider,
        model=env.llm_model,
        base_url=env.llm_base_url,
        key=env.llm_api_key,
        networks=env.llm_private_networks,
        deadline_s=min(deadline_s or env.llm_timeout_s, env.llm_timeout_s),
    )
    return Setup(
        provider=provider,
        prices=Prices(env.llm_price_in, env.llm_price_out),
        monthly=env.llm_monthly_budget,
        per_call=env.llm_call_budget,
        max_tokens=env.llm_max_tokens,
        temperature=env.llm_temperature,
    )


def check_ready() -> None:
    """Refuses LlmOff, LlmPriceUnknown: better before work begins than in the middle."""
    if not setup().prices.known:
        raise LlmPriceUnknown(PRICE_UNKNOWN)


def admit(provider: str, now: datetime) -> None:
    """Let one call through. Refuses LlmLeftAlone while the provider is left alone."""
    row = LlmCircuit.objects.filter(pk=provider).first()
    if row is None or row.state == LlmCircuit.State.CLOSED:
        return
    if rules.probe_due(row.retry_at, now):
        # One UPDATE decides which process may probe.
        claimed = LlmCircuit.objects.filter(
            pk=provider, state=row.state, retry_at=row.retry_at, changed_at=row.changed_at
        ).update(state=LlmCircuit.State.HALF_OPEN, retry_at=rules.probe_until(now), changed_at=now)
        if claimed:
            return
    raise LlmLeftAlone(f"{provider} is left alone after {row.failures} failures: {row.last_error}")


def note_success(provider: str, now: datetime) -> None:
    """It answered, whatever it said."""
    LlmCircuit.objects.filter(pk=provider).exclude(
        state=LlmCircuit.State.CLOSED, failures=0
    ).update(state=LlmCircuit.State.CLOSED, failures=0, retry_at=None, changed_at=now)


def note_failure(provider: str, why: str, now: datetime, *, retry_after_s: float | None) -> None:
    """It did not answer; three times in a row open the circuit, a wish for a pause does at once."""
    with transaction.atomic():
        LlmCircuit.objects.get_or_create(pk=provider, defaults={"changed_at": now})
        row = LlmCircuit.objects.select_for_update().get(pk=provider)
        outcome = rules.after_failure(
            row.failures,
            half_open=row.state == LlmCircuit.State.HALF_OPEN,
            retry_after_s=retry_after_s,
            jitter=random.random(),  # noqa: S311 (spreads retries, guards nothing)
        )
        opened = outcome.opens and row.state == LlmCircuit.State.CLOSED
        row.failures, row.last_error = outcome.failures, why[:200]
        if outcome.opens:
            row.state = LlmCircuit.State.OPEN
            row.retry_at = now + timedelta(seconds=outcome.pause_s)
            row.changed_at = now
        row.save()
        if opened:
            record(action="llm.failing", subject=f"llm:{provider}", by=None, now=now, reason=why)
    log.warning("llm.failed", provider=provider, error=why, failures=outcome.failures)
