"""The books as the risk rules see them, and how much of what is wanted they allow."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from config import clock
from marketdata.timeframes import Timeframe
from strategies import queries as strategy_queries
from trading import costs, risk, sizing
from trading.models import SystemState
from trading.risk import Account, Denial
from trading.services._books import Books, Lane
from trading.services._gate import granted_room

ZERO = Decimal(0)


def account_of(books: Books, lane: Lane, *, price_age_s: float, at_ms: int) -> Account:
    """The books as the risk rules see them."""
    state = SystemState.objects.get(pk=1)
    equity = books.equity
    pending = books.pending_buys(lane)
    exposure = sum((each.value for each in books.lanes), ZERO) + books.reserved
    since = None
    if lane.closed_ms:
        timeframe = Timeframe(books.bot.timeframe)
        # Counted from the end of the candle in which it left, wherever in it that was.
        since = max((at_ms - timeframe.floor(lane.closed_ms)) // timeframe.ms - 1, 0)
    return Account(
        halted=state.state != SystemState.State.RUNNING,
        symbol_trading=lane.symbol.status == lane.symbol.Status.TRADING,
        price=lane.last_price,
        price_age_s=price_age_s,
        free_cash=books.bot.cash - books.reserved,
        equity=equity,
        peak_equity=books.bot.peak_equity,
        day_start_equity=books.bot.day_start_equity,
        exposure=exposure,
        position_value=lane.value + pending,
        sellable_qty=lane.holding.qty - lane.selling,
        unresolved_order=lane.unresolved,
        candles_since_exit=since,
        news=not books.bot.is_replay and _is_news(at_ms),
    )


def _is_news(at_ms: int) -> bool:
    return strategy_queries.entries_blocked(clock.from_ms(at_ms)) is not None


def size_sell(
    books: Books, lane: Lane, account: Account, *, value: Decimal | None = None
) -> tuple[Decimal, Denial | None]:
    """(quantity on the lot size, denial or None): all that can be sold, or `value` of it."""
    qty = account.sellable_qty
    if value is not None:
        qty = min(qty, value / account.price)
    qty = costs.floor_to(qty, lane.filters.qty_step)
    denial = risk.check_sell(qty=qty, account=account, limits=books.limits, filters=lane.filters)
    return qty, denial


def size_buy(
    books: Books, lane: Lane, account: Account, *, value: Decimal, now: datetime
) -> tuple[Decimal, Denial | None]:
    """(quantity on the lot size, denial or None) for `value`; a live buy fits into its grant."""
    paused = risk.check_market(account, books.limits) or risk.check_entry_pause(
        account, books.limits
    )
    if paused:
        return ZERO, paused
    sized = sizing.size_entry(
        wanted=min(value, granted_room(books.bot, now)) if books.is_live else value,
        account=account,
        limits=books.limits,
        filters=lane.filters,
        terms=books.terms,
    )
    denial = risk.check_buy(
        qty=sized.qty, account=account, limits=books.limits, filters=lane.filters
    )
    too_small = denial in {Denial.BELOW_MIN_QTY, Denial.BELOW_MIN_NOTIONAL}
    return sized.qty, sized.bound_by if too_small and sized.bound_by else denial
