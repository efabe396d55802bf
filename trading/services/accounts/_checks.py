"""What exchanges say about keys and time; asked when a person wants, and each minute."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import structlog
from django.contrib.auth.models import User
from django.db import transaction

from config import clock
from trading import events
from trading.errors import AccountKeyBroken, AccountUnreachable
from trading.models import ExchangeAccount
from trading.models.accounts import CLOCK_OFF_MS
from trading.sealing import SealBroken
from trading.services._audit import record
from trading.services.accounts._accounts import get_account
from trading.services.accounts._brokers import broker_of

if TYPE_CHECKING:
    from trading.brokers.live import LiveBroker

log = structlog.get_logger(__name__)

BrokerOf = Callable[[ExchangeAccount], Any]
TRIES, SHORT_MS = 3, 300  # an answer that took longer is asked for again
CLOCK_EVERY = timedelta(seconds=50)  # beat comes each 60 s; a second beat asks nothing again


def check_account(
    *, account_id: int, by: User | None, now: datetime, broker_of: BrokerOf = broker_of
) -> ExchangeAccount:
    """Ask the exchange for its clock and for what the key may do.

    Refuses AccountUnreachable, AccountKeyBroken; nothing is concluded from either.
    """
    account = get_account(account_id)
    broker = _broker(account, broker_of)
    offset_ms = _offset_ms(broker)
    rights = broker.rights()
    found = {
        "may_trade": rights.trade,
        "may_withdraw": rights.withdraw,
        "ip_bound": rights.ip_bound,
    }
    with transaction.atomic():
        # Of another key, if it was replaced while the exchange was asked.
        same = ExchangeAccount.objects.filter(pk=account.pk, sealed_secret=account.sealed_secret)
        if same.update(**found, checked_at=now, updated_at=now):
            _note_clock(account, offset_ms, now)
            after = {**found, "offset_ms": offset_ms}
            subject = f"account:{account.pk}"
            record(action="account.checked", subject=subject, by=by, now=now, after=after)
    account.refresh_from_db()
    return account


def watch_clocks(*, now: datetime, broker_of: BrokerOf = broker_of) -> int:
    """Measure how far each enabled account's clock is off; how many could be measured."""
    measured = 0
    for account in ExchangeAccount.objects.filter(enabled=True, removed_at=None):
        if account.clock_at and now - CLOCK_EVERY < account.clock_at <= now:
            continue
        try:
            offset_ms = _offset_ms(_broker(account, broker_of))
        except (AccountUnreachable, AccountKeyBroken) as error:
            log.warning("account.clock_unknown", account_id=account.pk, code=error.code)
            continue
        with transaction.atomic():
            _note_clock(account, offset_ms, now)
        measured += 1
    return measured


def _broker(account: ExchangeAccount, broker_of: BrokerOf) -> LiveBroker:
    try:
        return cast("LiveBroker", broker_of(account))
    except SealBroken as error:
        raise AccountKeyBroken(f"{account.name}: {error}") from None


def _offset_ms(broker: LiveBroker) -> int:
    """Theirs minus ours, taking the answer for the middle of its journey; the shortest of a few.

    Refuses AccountUnreachable when all took so long that they tell nothing.
    """
    journeys = []
    for _ in range(TRIES):
        before, began = clock.now_ms(), clock.mono()
        theirs = broker.time_ms()
        took_ms = (clock.mono() - began) * 1000
        journeys.append((took_ms, round(theirs - before - took_ms / 2)))
        if took_ms <= SHORT_MS:
            break
    took_ms, offset_ms = min(journeys)
    if took_ms / 2 > CLOCK_OFF_MS:
        raise AccountUnreachable(f"The time took {took_ms / 1000:.1f} s to arrive.")
    return offset_ms


def _note_clock(account: ExchangeAccount, offset_ms: int, now: datetime) -> None:
    ExchangeAccount.objects.filter(pk=account.pk).update(offset_ms=offset_ms, clock_at=now)
    was_off, is_off = abs(account.offset_ms) > CLOCK_OFF_MS, abs(offset_ms) > CLOCK_OFF_MS
    if was_off == is_off:
        return
    record(
        action="account.clock_off" if is_off else "account.clock_right",
        subject=f"account:{account.pk}",
        by=None,
        now=now,
        before={"offset_ms": account.offset_ms},
        after={"offset_ms": offset_ms},
    )
    said = "is off: nothing is bought with it" if is_off else "is right again"
    level = "danger" if is_off else "info"
    events.system_notice(f"{account.name}: the clock {said}.", now=now, level=level)
