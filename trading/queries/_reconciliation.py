"""How far our books and the exchanges' agree, account by account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from trading.errors import IncidentUnknown
from trading.models import Bot, ExchangeAccount, Incident, Order, ReconcileRun, Reconciliation
from trading.order_state import LIVE

TOLD_WITHIN = timedelta(minutes=2)  # four cycles: books that weren't read for longer are old
RATE_OVER = timedelta(hours=24)
RATE_WANTED = 0.999
RECENT = 60

Outcome = ReconcileRun.Outcome


@dataclass(frozen=True, slots=True)
class MatchRate:
    """Clean cycles over the cycles that could judge; aborted ones tell nothing and don't count."""

    clean: int
    different: int
    aborted: int

    @property
    def judged(self) -> int:
        return self.clean + self.different

    @property
    def rate(self) -> float | None:
        """None before the first cycle that could judge."""
        return self.clean / self.judged if self.judged else None

    @property
    def is_low(self) -> bool:
        return self.rate is not None and self.rate < RATE_WANTED


@dataclass(frozen=True, slots=True)
class AccountBooks:
    """One account: its standing, its newest cycles (the oldest first), how many agreed."""

    account: ExchangeAccount
    standing: Reconciliation | None
    runs: list[ReconcileRun]
    match: MatchRate
    incidents: int  # open ones
    drifts: int  # those of them that block
    stale: bool  # its exchange told nothing for a while

    @property
    def last(self) -> ReconcileRun | None:
        return self.runs[-1] if self.runs else None


@dataclass(frozen=True, slots=True)
class ReconciliationView:
    """All accounts; `incidents` are the open ones, drifts first."""

    match: MatchRate
    drifts: int
    accounts: list[AccountBooks]
    incidents: list[Incident]


def reconciled_accounts() -> QuerySet[ExchangeAccount]:
    """Accounts with live bots or with orders; a disabled one while its orders may still fill."""
    alive = Order.objects.filter(account__isnull=False, status__in=LIVE).values("account_id")
    used = Q(bots__isnull=False) | Q(orders__isnull=False)
    wanted = (Q(enabled=True) & used) | Q(pk__in=alive)
    return ExchangeAccount.objects.filter(wanted).distinct()


def account_books(now: datetime) -> list[AccountBooks]:
    """Of every account that is reconciled, by name."""
    accounts = list(reconciled_accounts().select_related("reconciliation").order_by("name", "pk"))
    keys = [account.pk for account in accounts]
    rates, open_incidents = match_rates(keys, now), _open_incidents(keys)
    return [
        AccountBooks(
            account=account,
            standing=standing_of(account),
            runs=_recent(account),
            match=rates[account.pk],
            incidents=open_incidents[account.pk][0],
            drifts=open_incidents[account.pk][1],
            stale=is_stale(standing_of(account), now),
        )
        for account in accounts
    ]


def reconciliation_now(now: datetime) -> ReconciliationView:
    """Everything that is known now."""
    incidents = list(open_incidents())
    drifts = sum(row.drift for row in incidents)
    return ReconciliationView(match_rate(now), drifts, account_books(now), incidents)


def match_rates(account_ids: Iterable[int], now: datetime) -> dict[int, MatchRate]:
    """Of the last 24 hours."""
    rows = (
        ReconcileRun.objects.filter(account_id__in=account_ids, started_at__gt=now - RATE_OVER)
        .order_by()
        .values_list("account_id", "outcome")
        .annotate(Count("pk"))
    )
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for account_id, outcome, many in rows:
        found[account_id][outcome] = many
    return {pk: _rate(found[pk]) for pk in account_ids}


def match_rate(now: datetime) -> MatchRate:
    """Of all accounts together, in the last 24 hours."""
    rows = ReconcileRun.objects.filter(started_at__gt=now - RATE_OVER).order_by()
    return _rate(dict(rows.values_list("outcome").annotate(Count("pk"))))


def incidents(state: str = "") -> QuerySet[Incident]:
    """Newest first, with what lists show."""
    rows = Incident.objects.select_related("account", "symbol", "order", "owner")
    return rows.filter(state=state) if state else rows


def incident(incident_id: int) -> Incident:
    """One incident, or IncidentUnknown."""
    found = incidents().filter(pk=incident_id).first()
    if found is None:
        raise IncidentUnknown(f"There is no incident {incident_id}.")
    return found


def open_incidents() -> QuerySet[Incident]:
    """What nobody has taken over and what isn't gone: drifts first, the oldest first."""
    rows = incidents(Incident.State.OPEN)
    return rows.order_by("-drift", "first_seen_at", "pk")


def bots_concerned(row: Incident) -> QuerySet[Bot]:
    """Live bots of the account that trade what it is about; all, if that isn't known."""
    bots = Bot.objects.filter(account=row.account_id, paper_mode=False)
    if row.symbol_id is not None:
        bots = bots.filter(symbols=row.symbol_id)
    elif row.asset:
        bots = bots.filter(Q(symbols__base=row.asset) | Q(symbols__quote=row.asset))
    return bots.distinct().order_by("name")


def standing_of(account: ExchangeAccount) -> Reconciliation | None:
    return getattr(account, "reconciliation", None)


def is_stale(standing: Reconciliation | None, now: datetime) -> bool:
    """Whether its exchange told nothing for a while, or in the future: the clock was set back."""
    if standing is None or standing.told_at is None:
        return True
    return abs(now - standing.told_at) > TOLD_WITHIN


def books_reasons(now: datetime) -> list[str]:
    """Why books and exchanges can't be said to agree."""
    drifts = open_incidents().filter(drift=True)
    reasons = [
        f"{row.account.name}: {row.get_kind_display().lower()} ({row.subject})" for row in drifts
    ]
    for account in reconciled_accounts().select_related("reconciliation").order_by("pk"):
        standing = standing_of(account)
        if is_stale(standing, now):
            told_at = standing.told_at if standing else None
            since = f"not reconciled since {told_at:%H:%M:%S}" if told_at else "never reconciled"
            reasons.append(f"{account.name}: {since}")
    return reasons


def _recent(account: ExchangeAccount) -> list[ReconcileRun]:
    return list(reversed(account.reconcile_runs.order_by("-id")[:RECENT]))


def _rate(found: dict[str, int]) -> MatchRate:
    return MatchRate(
        *(found.get(each, 0) for each in (Outcome.CLEAN, Outcome.DIFFERENT, Outcome.ABORTED))
    )


def _open_incidents(account_ids: Iterable[int]) -> dict[int, tuple[int, int]]:
    rows = (
        Incident.objects.filter(account_id__in=account_ids, state=Incident.State.OPEN)
        .order_by()
        .values_list("account_id")
        .annotate(many=Count("pk"), drifts=Count("pk", filter=Q(drift=True)))
    )
    return defaultdict(lambda: (0, 0), {pk: (many, drifts) for pk, many, drifts in rows})
