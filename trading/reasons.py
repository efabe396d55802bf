"""Why a bot did what it did: the stable codes of decision records and intents."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Documented in docs/reference/denials.md together with the denials."""

    SIGNAL_ENTER = "signal_enter"
    SIGNAL_EXIT = "signal_exit"
    REBALANCE = "rebalance"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"
    PROTECTION_FAILED = "protection_failed"  # no stop could be kept at the exchange
    MANUAL = "manual"
    FLAT_NO_SIGNAL = "flat_no_signal"
    ALREADY_LONG = "already_long"
    WARMUP = "warmup"
    NO_OPINION = "no_opinion"
    ORDER_PENDING = "order_pending"
    MISSED = "missed"  # the candle closed while the bot could not look: too old to act on
