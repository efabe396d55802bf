"""Codes that are given: each opens once, whichever process it is shown to."""

from __future__ import annotations

from datetime import datetime

import structlog
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.contrib.auth.models import User
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from trading import time_codes
from trading.sealing import SealBroken
from trading.services._audit import record
from trading.services._factor_held import has_second_factor
from trading.services.second_factor._life import second_factor_of
from trading.services.second_factor._seals import RECOVERY, SECRET_OF, TOTP, place_of

log = structlog.get_logger(__name__)


@sensitive_variables()
def use_code(*, user: User, code: str, now: datetime) -> bool:
    """Whether this is the app's code of now or a recovery code, neither of them used before.

    A right one is used up in the same transaction. Who calls counts the wrong ones, outside of
    any transaction: a count that is rolled back counts nothing. Where the seal of a secret doesn't
    open (its key is gone, or the row was moved), no code is right.
    """
    typed = time_codes.digits_of(code)
    if not typed.isascii() or not typed.isdigit():
        return False
    use = _use_time_code if len(typed) == time_codes.DIGITS else _use_recovery_code
    try:
        with transaction.atomic():
            return use(user, typed, now)
    except SealBroken as error:
        log.error("second_factor.unreadable", user=user.pk, error=str(error))
        return False


def record_code_refused(*, user: User, now: datetime) -> None:
    """Somebody who knew the password gave a wrong code."""
    after = {"username": user.get_username()}
    record(action="user.code_refused", subject=f"user:{user.pk}", by=None, now=now, after=after)


@sensitive_variables()
def _use_time_code(user: User, code: str, now: datetime) -> bool:
    row = _locked(user, TOTP)
    if row is None:
        return False
    with place_of(user.pk, TOTP) as box:
        seed = box.decrypt(row.data[SECRET_OF[TOTP]])
    step = time_codes.step_matching(seed, code, now=now, after=int(row.data.get("step", -1)))
    if step is None:
        return False
    row.data, row.last_used_at = {**row.data, "step": step}, now
    row.save(update_fields=["data", "last_used_at"])
    return True


@sensitive_variables()
def _use_recovery_code(user: User, code: str, now: datetime) -> bool:
    row = _locked(user, RECOVERY)
    # Recovery codes alone are nothing: they stand in for an app.
    if row is None or not has_second_factor(user):
        return False
    with place_of(user.pk, RECOVERY):
        codes = RecoveryCodes(row)
        if not codes.validate_code(code):
            return False
    Authenticator.objects.filter(pk=row.pk).update(last_used_at=now)
    left = getattr(second_factor_of(user), "codes_left", 0)
    action, after = "user.recovery_code_used", {"left": left}
    record(action=action, subject=f"user:{user.pk}", by=user, now=now, after=after)
    return True


def _locked(user: User, kind: str) -> Authenticator | None:
    """Of the rows of one person; whoever comes second waits, and finds the code used."""
    rows = Authenticator.objects.select_for_update().filter(user_id=user.pk, type=kind)
    found: Authenticator | None = rows.first()
    return found
