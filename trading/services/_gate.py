"""The choke point: what every claim of an order asks, in its own transaction."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal

from django.db import connection

from marketdata import queries as marketdata_queries
from trading.models import HaltRequest, LiveGrant, Order, Position, SystemState
from trading.order_state import LIVE
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
    """Why a live order may not leave: its account is off, or no standing grant covers it.

    Sales need no grant: what was bought under one must be sellable after it. Paper needs none.
    """
    if order.account is None:
        return None
    if not order.account.enabled:
        return Denial.ACCOUNT_DISABLED
    if order.side == "SELL":
        return None
    grant = standing_grant(bot_id=order.bot_id, account_id=order.account.pk, now=now)
    return Denial.LIVE_NOT_GRANTED if grant is None else _beyond(grant, order)


def standing_grant(*, bot_id: int, account_id: int, now: datetime) -> LiveGrant | None:
    """The newest grant that was approved, is not revoked and has not expired."""
    return LiveGrant.objects.filter(
        bot_id=bot_id,
        account_id=account_id,
        approved_at__lte=now,
        expires_at__gt=now,
        revoked_at=None,
    ).first()


def _beyond(grant: LiveGrant, order: Order) -> Denial | None:
    price = order.price or marketdata_queries.last_price(order.symbol_id)
    if price is None:
        return Denial.LIVE_PRICE_UNKNOWN
    value = order.qty * price
    if value > grant.max_order:
        return Denial.GRANT_ORDER_EXCEEDED
    if value + _exposure(order) > grant.max_exposure:
        return Denial.GRANT_EXPOSURE_EXCEEDED
    return None


def _exposure(order: Order) -> Decimal:
    """Value of the bot's positions and of its other buys that may still fill.

    Without a price for one of them nothing is small enough.
    """
    held = Position.objects.filter(bot_id=order.bot_id)
    buys = Order.objects.filter(bot_id=order.bot_id, side="BUY", status__in=LIVE)
    quantities: dict[int, Decimal] = defaultdict(Decimal)
    for symbol_id, qty in held.values_list("symbol_id", "qty"):
        quantities[symbol_id] += qty
    for other in buys.exclude(pk=order.pk):
        quantities[other.symbol_id] += other.qty - other.filled_qty
    prices = {pk: marketdata_queries.last_price(pk) for pk, qty in quantities.items() if qty}
    values = (quantities[pk] * (UNKNOWN if at is None else at) for pk, at in prices.items())
    return sum(values, Decimal(0))
