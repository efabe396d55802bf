"""The second factor of people: codes of an app on their phone, and recovery codes."""

from trading.services.second_factor._codes import record_code_refused, use_code
from trading.services.second_factor._life import (
    Pending,
    SecondFactor,
    begin_second_factor,
    may_remove_second_factor,
    pending_second_factor,
    remove_second_factor,
    renew_recovery_codes,
    reseal_second_factors,
    reset_second_factor,
    second_factor_of,
    set_second_factor,
)
from trading.services.second_factor._seals import SealingAdapter

__all__ = [
    "Pending",
    "SealingAdapter",
    "SecondFactor",
    "begin_second_factor",
    "may_remove_second_factor",
    "pending_second_factor",
    "record_code_refused",
    "remove_second_factor",
    "renew_recovery_codes",
    "reseal_second_factors",
    "reset_second_factor",
    "second_factor_of",
    "set_second_factor",
    "use_code",
]
