"""The choke point: what every claim of an order asks, in its own transaction."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet

from marketdata import queries as marketdata_queries
from trading.models import (
    Bot,
    ExchangeAccount,
    HaltRequest,
    Incident,
    LiveGrant,
    Order,
    Position,
    Reconciliation,
    SystemState,
)
from trading.order_state import LIVE
from trading.queries import is_stale
from trading.risk import Denial

State = SystemState.State
UNKNOWN = Decimal("Infinity")
_STATE = "SELECT state, epoch FROM trading_systemstate WHERE id = 1"
_STATE_SHARED = f"{_STATE} FOR SHARE"


def claim_denial(*, epoch: int) -> Denial | None:
    """Why a claim may not commit: a standing halt, not RUNNING, or decided before a stop.

    Call inside the claiming transaction: on PostgreSQL the state row is share-locked until
    it ends, so a stop that commits later waits for it or sees it; SQLite serialises.
    """
    if HaltRequest.objects.filter(lifted_at=None).exists():
        return Denial.TRADING_HALTED
    statement = _STATE_SHARED if connection.vendor == "postgresql" else _STATE
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    if row is None or row[0] != State.RUNNING:
        return Denial.TRADING_HALTED
    return None if row[1] == epoch else Denial.EPOCH_OVER


def grant_denial(order: Order, *, now: datetime) -> Denial | None:
    """Why a live order may not leave: live mode or its account is off, its key, the clock or the
    account's limits forbid it, or no standing grant covers it.

    Sales need no more than live mode and the account: what was bought must be sellable. Paper
    needs nothing. Call inside the claiming transaction: account and grant are locked until it
    ends, so what is revoked, disabled or capped meanwhile waits for it or is seen.
    """
    if order.account_id is None:
        return None
    if not settings.ENV.trading_live_mode:
        return Denial.LIVE_MODE_OFF
    account = ExchangeAccount.objects.select_for_update(no_key=True).get(pk=order.account_id)
    if not account.enabled:
        return Denial.ACCOUNT_DISABLED
    if order.side == "SELL":
        return None
    if _is_blocked(order):
        return Denial.SYMBOL_BLOCKED
    if _is_unread(account, now):
        return Denial.BOOKS_UNREAD
    refused = _account_denial(account, order.symbol.name, now)
    if refused:
        return refused
    grant = standing_grant(bot_id=order.bot_id, account_id=account.pk, now=now, lock=True)
    return Denial.LIVE_NOT_GRANTED if grant is None else _beyond(grant, account, order)


def _is_blocked(order: Order) -> bool:
    """Whether books and exchange differ about its symbol, its assets, or what nobody can name."""
    symbol = order.symbol
    concerned = Q(symbol=symbol) | Q(asset__in=(symbol.base, symbol.quote))
    concerned |= Q(symbol=None, asset="")
    open_drifts = Incident.objects.filter(
        account_id=order.account_id, state=Incident.State.OPEN, drift=True
    )
    return open_drifts.filter(concerned).exists()


def _is_unread(account: ExchangeAccount, now: datetime) -> bool:
    """Whether reconciliation has begun with the account, but read nothing for a while."""
    standing = Reconciliation.objects.filter(account=account).first()
    if standing is None or standing.started_at is None:
        return False
    return is_stale(standing, now)


def standing_grant(
    *, bot_id: int, account_id: int, now: datetime, lock: bool = False
) -> LiveGrant | None:
    """The newest grant that was approved, is not revoked and has not expired."""
    rows = (
        LiveGrant.objects.select_for_update(of=("self",), no_key=True)
        if lock
        else LiveGrant.objects.all()
    )
    return rows.filter(
        bot_id=bot_id,
        account_id=account_id,
        approved_at__lte=now,
        expires_at__gt=now,
        revoked_at=None,
    ).first()


def granted_room(bot: Bot, now: datetime) -> Decimal:
    """Quote value that a live bot's next buy may have. Without a grant anything: its claim, and
    nothing else, says no.
    """
    account = bot.account
    grant = standing_grant(bot_id=bot.pk, account_id=bot.account_id or 0, now=now)
    if account is None or grant is None:
        return UNKNOWN
    buys = Order.objects.filter(side="BUY", status__in=LIVE)
    own = _exposure(Position.objects.filter(bot=bot), buys.filter(bot=bot))
    held = Position.objects.filter(bot__account=account, bot__paper_mode=False)
    every = _exposure(held, buys.filter(account=account))
    rooms: list[Decimal] = [
        grant.max_order,
        account.max_order,
        grant.max_exposure - own,
        account.max_exposure - every,
    ]
    return max(min(rooms), Decimal(0))


def _account_denial(account: ExchangeAccount, symbol: str, now: datetime) -> Denial | None:
    if account.key_problem:
        return Denial.KEY_NOT_ALLOWED
    if not account.clock_is_right(now):
        return Denial.CLOCK_OFF
    return None if symbol in account.symbols else Denial.SYMBOL_NOT_ALLOWED


def _beyond(grant: LiveGrant, account: ExchangeAccount, order: Order) -> Denial | None:
    price = order.price or marketdata_queries.last_price(order.symbol_id)
    if price is None:
        return Denial.LIVE_PRICE_UNKNOWN
    value = order.qty * price
    if value > account.max_order:
        return Denial.ACCOUNT_ORDER_EXCEEDED
    if value > grant.max_order:
        return Denial.GRANT_ORDER_EXCEEDED
    buys = Order.objects.filter(side="BUY", status__in=LIVE).exclude(pk=order.pk)
    held = Position.objects.filter(bot_id=order.bot_id)
    if value + _exposure(held, buys.filter(bot_id=order.bot_id)) > grant.max_exposure:
        return Denial.GRANT_EXPOSURE_EXCEEDED
    held = Position.objects.filter(bot__account=account, bot__paper_mode=False)
    if value + _exposure(held, buys.filter(account=account)) > account.max_exposure:
        return Denial.ACCOUNT_EXPOSURE_EXCEEDED
    return None


def _exposure(held: QuerySet[Position], buys: QuerySet[Order]) -> Decimal:
    """Value of positions and of buys that may still fill.

    Without a price for one of them nothing is small enough.
    """
    quantities: dict[int, Decimal] = defaultdict(Decimal)
    for symbol_id, qty in held.values_list("symbol_id", "qty"):
        quantities[symbol_id] += qty
    for symbol_id, qty, filled in buys.values_list("symbol_id", "qty", "filled_qty"):
        quantities[symbol_id] += qty - filled
    prices = {pk: marketdata_queries.last_price(pk) for pk, qty in quantities.items() if qty}
    values = (quantities[pk] * (UNKNOWN if at is None else at) for pk, at in prices.items())
    return sum(values, Decimal(0))
