"""Codes in words: why a bot did what it did, what a gate asks, what happened."""

from __future__ import annotations

from collections.abc import Mapping

from django import template

from config.templatetags.console import MINUS, UNKNOWN, titled
from trading.models import Protection
from trading.queries import said
from trading.reasons import Reason
from trading.risk import Denial

register = template.Library()

REASONS: Mapping[str, str] = {
    Reason.SIGNAL_ENTER: "entry signal",
    Reason.SIGNAL_EXIT: "exit signal",
    Reason.REBALANCE: "exposure was off its target",
    Reason.STOP_LOSS: "the stop loss was reached",
    Reason.TAKE_PROFIT: "the profit target was reached",
    Reason.TRAILING_STOP: "the trailing stop was reached",
    Reason.PROTECTION_FAILED: "no stop could be kept at the exchange",
    Reason.MANUAL: "a person asked for it",
    Reason.FLAT_NO_SIGNAL: "flat, no entry signal",
    Reason.ALREADY_LONG: "in position, no exit signal",
    Reason.WARMUP: "too few candles so far",
    Reason.NO_OPINION: "the strategy has no opinion",
    Reason.ORDER_PENDING: "an order is still working",
    Reason.MISSED: "the candle closed too long ago to act on",
    Denial.TRADING_HALTED: "trading is halted",
    Denial.EPOCH_OVER: "decided before an emergency stop",
    Denial.SYMBOL_HALTED: "the exchange halted the symbol",
    Denial.PRICE_STALE: "the newest price is too old",
    Denial.ORDER_UNRESOLVED: "an earlier order is not resolved",
    Denial.COOLDOWN: "cooling down after the last exit",
    Denial.DAILY_LOSS_REACHED: "the daily loss limit is reached",
    Denial.DRAWDOWN_REACHED: "the drawdown limit is reached",
    Denial.QTY_NOT_ON_STEP: "the quantity is not on the lot size",
    Denial.PRICE_NOT_ON_TICK: "the price is not on the tick size",
    Denial.BELOW_MIN_QTY: "below the exchange's minimum quantity",
    Denial.BELOW_MIN_NOTIONAL: "below the exchange's minimum value",
    Denial.MAX_POSITION_REACHED: "the position limit is reached",
    Denial.MAX_EXPOSURE_REACHED: "the exposure limit is reached",
    Denial.CASH_INSUFFICIENT: "not enough free cash",
    Denial.POSITION_INSUFFICIENT: "less is held than would be sold",
    Denial.LIVE_MODE_OFF: "live mode is off",
    Denial.NEWS_WINDOW: "scheduled news is near",
    Denial.SYMBOL_BLOCKED: "books and exchange differ, see Reconciliation",
    Denial.BOOKS_UNREAD: "the account was not reconciled lately",
    Denial.ACCOUNT_DISABLED: "the account is switched off",
    Denial.KEY_NOT_ALLOWED: "the account's key may not trade",
    Denial.CLOCK_OFF: "the clock is off by more than a second",
    Denial.SYMBOL_NOT_ALLOWED: "the account doesn't allow the symbol",
    Denial.ACCOUNT_ORDER_EXCEEDED: "more than the account allows in one order",
    Denial.ACCOUNT_EXPOSURE_EXCEEDED: "more than the account allows in all",
    Denial.LIVE_NOT_GRANTED: "no live grant stands",
    Denial.LIVE_PRICE_UNKNOWN: "no price is known",
    Denial.GRANT_ORDER_EXCEEDED: "more than the grant allows in one order",
    Denial.GRANT_EXPOSURE_EXCEEDED: "more than the grant allows in all",
}
GATES: Mapping[str, str] = {
    "system_running": "System is running",
    "no_halt": "No emergency stop stands",
    "scheduler_on": "Scheduler is on",
    "data_warm": "Bots have their candles",
    "feed_fresh": "Prices are fresh",
    "exchanges_reachable": "Exchanges answer",
    "no_unresolved_orders": "No order is unresolved",
    "processes_alive": "Processes are alive",
    "books_agree": "Books and exchanges agree",
    "live_accounts": "Live accounts are checked, their clocks right",
    "live_grants": "Live bots have a grant",
    "positions_protected": "Live positions are protected",
    "live_mode": "Live mode is on",
    "account_checked": "The account was checked within a day and may trade",
    "key_cannot_withdraw": "The key can't withdraw",
    "clock_right": "The clocks agree within a second",
    "symbols_allowed": "The account allows the bot's symbols",
    "ready": "The console is ready",
    "evidence_green": "The version's evidence is green and fresh",
    "paper_record": "The paper record is long enough",
    "no_incident": "No incident is open",
    "limits_set": "The limits are set",
    "grant_stands": "A live grant stands",
    "name_typed": "The bot's name was typed",
}
ACTIONS: Mapping[str, str] = {
    "ENTER": "Buy",
    "EXIT": "Sell",
    "HOLD": "Hold",
    "DENIED": "Denied",
}
TASKS: Mapping[str, str] = {
    "bot.run": "Run a bot",
    "market.backfill": "Download history",
    "simulation.run": "Simulate",
    "drift.measure": "Measure drift",
    "search.run": "Search parameters",
}


@register.filter
def why(code: str) -> str:
    """A reason or a denial as half a sentence."""
    return REASONS.get(code, titled(code).lower() if code else "")


@register.filter
def unprotected_why(row: Protection) -> str:
    """Why a live position is unprotected, as half a sentence."""
    return said(row)


@register.filter
def gate_name(code: str) -> str:
    return GATES.get(code, titled(code))


@register.filter
def action_name(code: str) -> str:
    return ACTIONS.get(code, titled(code))


@register.filter
def task_name(code: str) -> str:
    return TASKS.get(code, titled(code))


@register.filter
def split_words(text: str) -> list[str]:
    """Words of a fixed list in a template."""
    return text.split()


@register.filter
def significant(value: float | None) -> str:
    """A measure without a unit, as short as it may be: 0.843, 53, 1,455."""
    if value is None:
        return UNKNOWN
    if abs(value) < 1e-9:
        return "0"  # a threshold that only tells from nothing
    text = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return text.replace("-", MINUS)
