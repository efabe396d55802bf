"""Questions to exchanges: through a breaker that all processes share, retried with backoff."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from django.db import transaction
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential_jitter,
)

from config import bus, clock
from config.refusals import Refusal
from marketdata import circuit as rules
from marketdata.errors import CircuitOpen, ExchangeUnavailable
from marketdata.exchanges.protocol import Exchange
from marketdata.models import Circuit

log = structlog.get_logger(__name__)

T = TypeVar("T")

_BACKOFF = wait_exponential_jitter(multiplier=0.5, max=8, jitter=0.5)


def ask(
    *,
    exchange: Exchange,
    call: Callable[[], T],
    now: datetime,
    attempts: int = 3,
    give_up_s: float = 10,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """The answer to `call`, asked up to `attempts` times within about `give_up_s` seconds.

    Raises CircuitOpen without asking while the exchange is left alone, ExchangeUnavailable when
    nothing helped, and the exchange's refusals as they are. Waits as long as a 429 says, or
    gives up at once when that is too long. Never call it inside a transaction.
    """
    if exchange.local:
        return call()
    started = clock.mono()
    retrying = Retrying(
        stop=stop_after_attempt(attempts) | stop_before_delay(give_up_s),
        wait=_wait,
        retry=retry_if_exception(_worth_repeating),
        sleep=sleep,
        reraise=True,
    )
    return retrying(
        lambda: _ask_once(exchange, call, now + timedelta(seconds=clock.mono() - started))
    )


def _worth_repeating(error: BaseException) -> bool:
    return isinstance(error, ExchangeUnavailable) and not isinstance(error, CircuitOpen)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    wanted = error.retry_after_s if isinstance(error, ExchangeUnavailable) else None
    return max(wanted or 0.0, _BACKOFF(state))


def _ask_once(exchange: Exchange, call: Callable[[], T], now: datetime) -> T:
    healthy = _admit(exchange.name, now)
    try:
        answer = call()
    except ExchangeUnavailable as error:
        _note_failure(exchange.name, error, now)
        raise
    except Refusal:  # a "no" is an answer
        if not healthy:
            _note_success(exchange.name, now)
        raise
    if not healthy:
        _note_success(exchange.name, now)
    return answer


def _admit(name: str, now: datetime) -> bool:
    """True when nothing is wrong with the circuit, False for a call that may mend it."""
    row = Circuit.objects.filter(pk=name).first()
    if row is None:
        return True
    if row.state == Circuit.State.CLOSED:
        return row.failures == 0
    if rules.probe_due(row.retry_at, now):
        # One UPDATE decides which process may probe.
        claimed = Circuit.objects.filter(
            pk=name, state=row.state, retry_at=row.retry_at, changed_at=row.changed_at
        ).update(state=Circuit.State.HALF_OPEN, retry_at=rules.probe_until(now), changed_at=now)
        if claimed:
            return False
    wait_s = max(0.0, (row.retry_at - now).total_seconds()) if row.retry_at else 0.0
    raise CircuitOpen(
        f"{name} is left alone after {row.failures} failures: {row.last_error}",
        retry_after_s=wait_s,
    )


def _note_failure(name: str, error: ExchangeUnavailable, now: datetime) -> None:
    with transaction.atomic():
        Circuit.objects.get_or_create(pk=name, defaults={"changed_at": now})
        row = Circuit.objects.select_for_update().get(pk=name)
        outcome = rules.after_failure(
            row.failures,
            half_open=row.state == Circuit.State.HALF_OPEN,
            retry_after_s=error.retry_after_s,
            jitter=random.random(),  # noqa: S311 (spreads retries, guards nothing)
        )
        opened = outcome.opens and row.state == Circuit.State.CLOSED
        row.failures = outcome.failures
        row.last_error = error.detail[:200]
        if outcome.opens:
            row.state = Circuit.State.OPEN
            row.retry_at = now + timedelta(seconds=outcome.pause_s)
            row.changed_at = now
        row.save()
        if opened:
            _notice(f"{name} does not answer and is left alone for a while: {error.detail}", now)
    log.warning("exchange.failed", exchange=name, error=error.detail, failures=outcome.failures)


def _note_success(name: str, now: datetime) -> None:
    was_open = Circuit.objects.filter(pk=name).exclude(state=Circuit.State.CLOSED).exists()
    Circuit.objects.filter(pk=name).update(
        state=Circuit.State.CLOSED, failures=0, retry_at=None, changed_at=now
    )
    if was_open:
        log.info("exchange.recovered", exchange=name)
        _notice(f"{name} answers again", now)


def _notice(message: str, now: datetime) -> None:
    data = {"bot_id": None, "job_id": None, "message": message, "ts": now.isoformat()}
    bus.publish_on_commit(
        bus.EVENTS_GROUP, {"type": "event.message", "event": "system.notice", "data": data}
    )
