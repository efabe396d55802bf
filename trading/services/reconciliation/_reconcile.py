"""Reconciliation of accounts: one cycle under a lease, everything it found in one transaction.

An exchange that doesn't tell everything aborts the cycle: no information, never "empty".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q, QuerySet

from config import clock
from trading import events
from trading.errors import AccountUnreachable
from trading.models import (
    BalanceAdjustment,
    ExchangeAccount,
    Fill,
    HaltRequest,
    Incident,
    OpeningBalance,
    ReconcileRun,
    Reconciliation,
)
from trading.queries import reconciled_accounts
from trading.reconciliation import (
    Books,
    Change,
    Difference,
    changes_of_fill,
    compare_balances,
    expected_balances,
)
from trading.services._audit import record
from trading.services.accounts._brokers import BrokerOf, broker_of
from trading.services.reconciliation._fills import move_cursors
from trading.services.reconciliation._incidents import note_differences
from trading.services.reconciliation._look import Seen, foreign_of, look_at

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=30)
AFTER_STOP = timedelta(seconds=1)
RETRY_AFTER = timedelta(seconds=5)  # while an exchange is away
LEASE = timedelta(seconds=60)  # longer than a cycle may take
KEEP_RUNS = timedelta(days=7)

Outcome = ReconcileRun.Outcome


def reconcile_account(
    *, account_id: int, now: datetime, broker_of: BrokerOf = broker_of
) -> ReconcileRun | None:
    """One cycle of one account; None when another worker is at it."""
    standing = _lease(account_id, now)
    if standing is None:
        return None
    began = clock.mono()
    try:
        seen = look_at(standing.account, broker_of(standing.account), now)
    except AccountUnreachable as error:
        return _abort(standing, str(error), began, now)
    except Exception as error:
        log.exception("reconciliation.failed", account_id=account_id)
        return _abort(standing, type(error).__name__, began, now)
    return _conclude(standing, seen, began, now)


def reconcile_due(*, now: datetime, broker_of: BrokerOf = broker_of) -> int:
    """Reconcile every account whose time has come; how many cycles were run."""
    runs = [
        reconcile_account(account_id=pk, now=now, broker_of=broker_of)
        for pk in due_accounts(now).values_list("pk", flat=True)
    ]
    return sum(run is not None for run in runs)


def request_reconciliation(*, by: User, now: datetime) -> list[ExchangeAccount]:
    """Let a worker reconcile every account now; which those are."""
    accounts = list(reconciled_accounts())
    with transaction.atomic():
        for account in accounts:
            Reconciliation.objects.update_or_create(account=account, defaults={"due_at": now})
        names = [account.name for account in accounts]
        record(
            action="reconciliation.requested",
            subject="reconciliation",
            by=by,
            now=now,
            after={"accounts": names},
        )
    return accounts


def due_accounts(now: datetime) -> QuerySet[ExchangeAccount]:
    """Those whose time has come: each 30 s, sooner after silence, a stop, or a person's wish."""
    free = Q(reconciliation__lease_until=None) | Q(reconciliation__lease_until__lt=now)
    never = Q(reconciliation=None) | Q(reconciliation__due_at=None)
    # Nothing is due later than that: such a time was written before the clock was set back.
    due = Q(reconciliation__due_at__lte=now) | Q(reconciliation__due_at__gt=now + 2 * EVERY)
    stop = HaltRequest.objects.order_by("-at").first()
    if stop is not None and now >= stop.at + AFTER_STOP:
        due |= Q(reconciliation__started_at__lt=stop.at + AFTER_STOP)
    return reconciled_accounts().filter(never | (due & free))


def ledger_of(account: ExchangeAccount, fills_to: int | None = None) -> Iterator[Change]:
    """Every change of the account's assets that we know of, up to a fill."""
    booked = Fill.objects.filter(order__account=account)
    if fills_to is not None:
        booked = booked.filter(pk__lte=fills_to)
    fills = booked.values(
        "side", "qty", "price", "fee", "fee_asset", "symbol__base", "symbol__quote"
    )
    for fill in fills.iterator(chunk_size=2000):
        yield from changes_of_fill(
            buy=fill["side"] == "BUY",
            qty=fill["qty"],
            price=fill["price"],
            fee=fill["fee"],
            fee_asset=fill["fee_asset"],
            base=fill["symbol__base"],
            quote=fill["symbol__quote"],
        )
    yield from BalanceAdjustment.objects.filter(account=account).values_list("asset", "change")


def _lease(account_id: int, now: datetime) -> Reconciliation | None:
    Reconciliation.objects.get_or_create(account_id=account_id)
    free = Q(lease_until=None) | Q(lease_until__lt=now) | Q(lease_until__gt=now + 2 * LEASE)
    taken = Reconciliation.objects.filter(free, account_id=account_id).update(
        lease_until=now + LEASE, fence=F("fence") + 1, started_at=now
    )
    if not taken:
        return None
    return Reconciliation.objects.select_related("account").get(pk=account_id)


def _release(standing: Reconciliation, **fields: Any) -> bool:
    """False if another worker has taken over: then nothing of this cycle counts."""
    mine = Reconciliation.objects.filter(pk=standing.pk, fence=standing.fence)
    return bool(mine.update(lease_until=None, **fields))


def _abort(
    standing: Reconciliation, error: str, began: float, now: datetime
) -> ReconcileRun | None:
    with transaction.atomic():
        since = standing.unreachable_since or now
        if not _release(standing, due_at=now + RETRY_AFTER, unreachable_since=since):
            return None
        return _run(standing.account, Outcome.ABORTED, began, now, error=error[:200])


def _conclude(
    standing: Reconciliation, seen: Seen, began: float, now: datetime
) -> ReconcileRun | None:
    account = standing.account
    with transaction.atomic():
        fields: dict[str, Any] = {
            "due_at": now + EVERY,
            "told_at": now,
            "unreachable_since": None,
            "external_orders": seen.external,
        }
        if not _release(standing, **fields):
            return None
        opened = standing.opened_at is not None or _take_opening(account, seen, now)
        balances = _balances_that_differ(account, seen) if opened else []
        differences = [*seen.differences, *balances]
        note_differences(account=account, differences=differences, unsure=_unsure(seen), now=now)
        move_cursors(account, seen.symbols, seen.until_ms)
        ReconcileRun.objects.filter(account=account, started_at__lt=now - KEEP_RUNS).delete()
        return _run(
            account,
            Outcome.DIFFERENT if differences else Outcome.CLEAN,
            began,
            now,
            orders_seen=seen.orders,
            external_orders=len(seen.external),
            fills_booked=seen.fills_booked,
            assets_compared=0 if seen.totals is None else len(seen.totals),
            differences=len(differences),
        )


def _run(
    account: ExchangeAccount, outcome: str, began: float, now: datetime, **counts: Any
) -> ReconcileRun:
    took = clock.mono() - began
    run = ReconcileRun.objects.create(
        account=account,
        outcome=outcome,
        started_at=now,
        ended_at=now + timedelta(seconds=took),
        duration_ms=round(took * 1000),
        **counts,
    )
    events.reconciliation_changed(account_id=account.pk, incident_id=None, now=now)
    return run


def _take_opening(account: ExchangeAccount, seen: Seen, now: datetime) -> bool:
    """The first balances that can be trusted, less what we had booked by then."""
    if seen.totals is None or seen.unsure_orders:
        return False
    booked = expected_balances({}, ledger_of(account, seen.ledger_to)).totals
    opening = {
        asset: seen.totals.get(asset, Decimal(0)) - booked.get(asset, Decimal(0))
        for asset in sorted({*seen.totals, *booked})
    }
    OpeningBalance.objects.bulk_create(
        [
            OpeningBalance(account=account, asset=asset, qty=qty, taken_at=now)
            for asset, qty in opening.items()
        ]
    )
    Reconciliation.objects.filter(account=account).update(opened_at=now)
    record(
        action="reconciliation.opened",
        subject=f"account:{account.pk}",
        by=None,
        now=now,
        after={asset: f"{qty:f}" for asset, qty in opening.items()},
    )
    return True


def _balances_that_differ(account: ExchangeAccount, seen: Seen) -> list[Difference]:
    if seen.totals is None:
        return []
    found = compare_balances(
        _books_of(account, seen.ledger_to),
        seen.totals,
        steps=_steps(seen),
        unsure=seen.unsure_assets,
    )
    for difference in found:
        foreign = foreign_of(difference.asset, seen.read.foreign)
        if foreign:
            difference.evidence["external_fills"] = foreign
    return found


def _books_of(account: ExchangeAccount, fills_to: int) -> Books:
    opening = dict(OpeningBalance.objects.filter(account=account).values_list("asset", "qty"))
    return expected_balances(opening, ledger_of(account, fills_to))


def _steps(seen: Seen) -> dict[str, Decimal]:
    """The smallest step of each asset: of quantity where it is traded, of price where it pays."""
    steps: dict[str, Decimal] = {}
    pairs: Iterable[tuple[str, Decimal]] = (
        pair
        for symbol in seen.symbols
        for pair in ((symbol.base, symbol.qty_step), (symbol.quote, symbol.price_tick))
    )
    for asset, step in pairs:
        steps[asset] = min(step, steps.get(asset, step))
    return steps


def _unsure(seen: Seen) -> Any:
    def unsure(row: Incident) -> bool:
        if row.kind == Incident.Kind.BALANCE:
            return seen.totals is None or row.asset in seen.unsure_assets
        return row.key in seen.unsure_orders

    return unsure
