"""Pre-trade checks. Pure: no database, no clock, no network."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trading.costs import Filters


class Denial(StrEnum):
    """Why an intent may not become an order. Documented in docs/reference/denials.md."""

    TRADING_HALTED = "trading_halted"
    EPOCH_OVER = "epoch_over"
    SYMBOL_HALTED = "symbol_halted"
    PRICE_STALE = "price_stale"
    ORDER_UNRESOLVED = "order_unresolved"
    COOLDOWN = "cooldown"
    NEWS_WINDOW = "news_window"
    DAILY_LOSS_REACHED = "daily_loss_reached"
    DRAWDOWN_REACHED = "drawdown_reached"
    QTY_NOT_ON_STEP = "qty_not_on_step"
    PRICE_NOT_ON_TICK = "price_not_on_tick"
    BELOW_MIN_QTY = "below_min_qty"
    BELOW_MIN_NOTIONAL = "below_min_notional"
    MAX_EXPOSURE_REACHED = "max_exposure_reached"
    MAX_POSITION_REACHED = "max_position_reached"
    CASH_INSUFFICIENT = "cash_insufficient"
    POSITION_INSUFFICIENT = "position_insufficient"
    LIVE_MODE_OFF = "live_mode_off"
    ACCOUNT_DISABLED = "account_disabled"
    KEY_NOT_ALLOWED = "key_not_allowed"
    CLOCK_OFF = "clock_off"
    SYMBOL_NOT_ALLOWED = "symbol_not_allowed"
    ACCOUNT_ORDER_EXCEEDED = "account_order_exceeded"
    ACCOUNT_EXPOSURE_EXCEEDED = "account_exposure_exceeded"
    SYMBOL_BLOCKED = "symbol_blocked"
    BOOKS_UNREAD = "books_unread"
    LIVE_NOT_GRANTED = "live_not_granted"
    LIVE_PRICE_UNKNOWN = "live_price_unknown"
    GRANT_ORDER_EXCEEDED = "grant_order_exceeded"
    GRANT_EXPOSURE_EXCEEDED = "grant_exposure_exceeded"


@dataclass(frozen=True, slots=True)
class Limits:
    """A bot's limits; fractions are of equity."""

    max_exposure: Decimal
    max_position: Decimal
    max_daily_loss: Decimal
    max_drawdown: Decimal
    max_price_age_s: float
    cooldown_candles: int


@dataclass(frozen=True, slots=True)
class Account:
    """A bot's books at the moment of a check; values in the quote asset."""

    halted: bool
    symbol_trading: bool
    price: Decimal
    price_age_s: float
    free_cash: Decimal  # cash less what working buy orders may still take
    equity: Decimal
    peak_equity: Decimal
    day_start_equity: Decimal
    exposure: Decimal  # value of all positions and working buys
    position_value: Decimal  # of this symbol, with working buys
    sellable_qty: Decimal  # of this symbol, less working sells
    unresolved_order: bool  # of this symbol: SUBMITTING, UNKNOWN or NEEDS_HUMAN
    candles_since_exit: int | None
    news: bool = False  # within minutes of scheduled news in which nothing may be entered


def check_market(account: Account, limits: Limits) -> Denial | None:
    """What holds for both sides."""
    if account.halted:
        return Denial.TRADING_HALTED
    if not account.symbol_trading:
        return Denial.SYMBOL_HALTED
    if account.price_age_s > limits.max_price_age_s:
        return Denial.PRICE_STALE
    if account.unresolved_order:
        return Denial.ORDER_UNRESOLVED
    return None


def check_entry_pause(account: Account, limits: Limits) -> Denial | None:
    """Loss limits, cooldown and news: they stop entries, never exits."""
    if account.equity <= account.day_start_equity * (1 - limits.max_daily_loss):
        return Denial.DAILY_LOSS_REACHED
    if account.equity <= account.peak_equity * (1 - limits.max_drawdown):
        return Denial.DRAWDOWN_REACHED
    since = account.candles_since_exit
    if since is not None and since < limits.cooldown_candles:
        return Denial.COOLDOWN
    if account.news:
        return Denial.NEWS_WINDOW
    return None


def check_filters(*, qty: Decimal, price: Decimal, filters: Filters) -> Denial | None:
    """The exchange's own rules, checked before it has to."""
    if qty % filters.qty_step:
        return Denial.QTY_NOT_ON_STEP
    if qty <= 0 or qty < filters.min_qty:
        return Denial.BELOW_MIN_QTY
    if qty * price < filters.min_notional:
        return Denial.BELOW_MIN_NOTIONAL
    return None


def check_buy(*, qty: Decimal, account: Account, limits: Limits, filters: Filters) -> Denial | None:
    """The first rule that refuses a buy of `qty` at the account's price; None if allowed."""
    notional = qty * account.price
    refused = (
        check_market(account, limits)
        or check_entry_pause(account, limits)
        or check_filters(qty=qty, price=account.price, filters=filters)
    )
    if refused:
        return refused
    if account.exposure + notional > limits.max_exposure * account.equity:
        return Denial.MAX_EXPOSURE_REACHED
    if account.position_value + notional > limits.max_position * account.equity:
        return Denial.MAX_POSITION_REACHED
    if notional > account.free_cash:
        return Denial.CASH_INSUFFICIENT
    return None


def check_sell(
    *, qty: Decimal, account: Account, limits: Limits, filters: Filters
) -> Denial | None:
    """The first rule that refuses a sell of `qty`; None if allowed. Never more than is held."""
    refused = check_market(account, limits) or check_filters(
        qty=qty, price=account.price, filters=filters
    )
    if refused:
        return refused
    if qty > account.sellable_qty:
        return Denial.POSITION_INSUFFICIENT
    return None
