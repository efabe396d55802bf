"""A second factor's life: set up, seen, renewed, taken away, sealed anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.views.decorators.debug import sensitive_variables

from trading import time_codes
from trading.errors import (
    PersonUnknown,
    SecondFactorInvalid,
    SecondFactorMissing,
    SecondFactorNeeded,
)
from trading.models import Confirmation
from trading.sealing import SealBroken
from trading.services._audit import record
from trading.services._confirm import check_confirmed
from trading.services._factor_held import FOR_ALL, has_second_factor
from trading.services._sessions import end_sessions
from trading.services.accounts._accounts import keyring
from trading.services.second_factor._seals import RECOVERY, SECRET_OF, TOTP, place_of

ISSUER = "Countersign"
PENDING = "pending"  # the kind of a seed that no code was given for yet
PENDING_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """What a person's own page shows of it."""

    set_at: datetime
    used_at: datetime | None
    codes_left: int


@dataclass(frozen=True, slots=True)
class Pending:
    """A seed to put into an app; only a code from it makes it count."""

    seed: str
    address: str  # the same, as an app's camera reads it

    @property
    def typed(self) -> str:
        """In groups of four, for people who type it."""
        return " ".join(self.seed[start : start + 4] for start in range(0, len(self.seed), 4))


def second_factor_of(user: User) -> SecondFactor | None:
    """None while there is none."""
    rows = {row.type: row for row in _rows(user.pk)}
    if TOTP not in rows:
        return None
    used = [row.last_used_at for row in rows.values() if row.last_used_at]
    left = _left(rows[RECOVERY]) if RECOVERY in rows else 0
    return SecondFactor(rows[TOTP].created_at, max(used, default=None), left)


@sensitive_variables()
def begin_second_factor(*, user: User, now: datetime) -> tuple[dict[str, str], Pending]:
    """A new seed; the first of the two is for the person's session, sealed."""
    if has_second_factor(user):
        raise SecondFactorInvalid("There is one already: switch it off first.")
    seed = time_codes.new_seed()
    with place_of(user.pk, PENDING) as box:
        kept = {"seed": box.encrypt(seed), "until": (now + PENDING_FOR).isoformat()}
    return kept, _pending(user, seed)


@sensitive_variables()
def pending_second_factor(
    *, user: User, kept: Mapping[str, str] | None, now: datetime
) -> Pending | None:
    """What `begin_second_factor` began in this session; None if it is over or somebody else's."""
    try:
        if not kept or datetime.fromisoformat(kept["until"]) <= now:
            return None
        with place_of(user.pk, PENDING) as box:
            return _pending(user, box.decrypt(kept["seed"]))
    except (KeyError, TypeError, ValueError, SealBroken):
        return None


@sensitive_variables()
def set_second_factor(
    *, user: User, pending: Pending, code: str, keep_session: str, now: datetime
) -> list[str]:
    """It counts from now on; the recovery codes, which nothing shows again.

    All other sessions of the person end: they were begun with a password alone. Refuses
    SecondFactorInvalid for a code that the seed doesn't give.
    """
    step = time_codes.step_matching(pending.seed, time_codes.digits_of(code), now=now)
    if step is None:
        words = "This is not the app's code. Is your phone's clock right?"
        raise SecondFactorInvalid(words, fields={"code": [words]})
    with transaction.atomic():
        _lock(user)
        if has_second_factor(user):
            raise SecondFactorInvalid("There is one already: switch it off first.")
        _rows(user.pk).delete()
        with place_of(user.pk, TOTP) as box:
            data = {SECRET_OF[TOTP]: box.encrypt(pending.seed), "step": step}
        Authenticator.objects.create(user=user, type=TOTP, data=data, created_at=now)
        codes = _new_codes(user)
        _forget_confirmations(user)
        record(action="user.second_factor_set", subject=_subject(user), by=user, now=now)
        end_sessions(user=user, by=user, keep=keep_session, now=now)
    return codes


@sensitive_variables()
def renew_recovery_codes(*, user: User, now: datetime) -> list[str]:
    """New ones; the old ones open nothing any more. Refuses SecondFactorMissing."""
    with transaction.atomic():
        _lock(user)
        if not has_second_factor(user):
            raise SecondFactorMissing("There is no second factor.")
        _rows(user.pk).filter(type=RECOVERY).delete()
        codes = _new_codes(user)
        record(action="user.recovery_codes_renewed", subject=_subject(user), by=user, now=now)
    return codes


def may_remove_second_factor() -> bool:
    """Whether people may do without one that they had."""
    return settings.ENV.auth_second_factor not in FOR_ALL


def remove_second_factor(*, user: User, now: datetime) -> None:
    """The person wants none any more. Refuses SecondFactorMissing, SecondFactorNeeded."""
    if not may_remove_second_factor():
        raise SecondFactorNeeded("This console wants one of everybody: an administrator resets it.")
    _take_away(user, action="user.second_factor_removed", by=user, reason="", now=now)


def reset_second_factor(
    *, username: str, by: User | None, reason: str, now: datetime, via: str = ""
) -> User:
    """For somebody whose phone is lost: the password alone is asked until they set up another.

    Ends all their sessions. `by` nobody is whoever runs the console. Refuses StepUpRequired,
    SecondFactorNeeded, PersonUnknown, SecondFactorMissing, SecondFactorInvalid.
    """
    if by is not None:
        check_confirmed(user=by, via=via, now=now)
    user = User.objects.filter(username=username).first()
    if user is None:
        raise PersonUnknown(f"There is nobody called {username[:60]}.")
    if len(reason.strip()) < 3:
        words = "Say why, in 3 to 200 characters."
        raise SecondFactorInvalid(words, fields={"reason": [words]})
    if by is not None and by.pk == user.pk:
        raise SecondFactorInvalid("Your own you switch off on your own page.")
    with transaction.atomic():
        _take_away(user, action="user.second_factor_reset", by=by, reason=reason.strip(), now=now)
        end_sessions(user=user, by=by, now=now)
    return user


@sensitive_variables()
def reseal_second_factors(*, by: User | None, now: datetime) -> int:
    """Seal again what lies under an older key; how many secrets were."""
    ring, changed = keyring(), 0
    for pk in Authenticator.objects.filter(type__in=SECRET_OF).values_list("pk", flat=True):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().select_related("user").filter(pk=pk)
            found = row.first()  # it may be gone since
            if found is None or ring.is_current(found.data[SECRET_OF[found.type]]):
                continue
            with place_of(found.user_id, found.type) as box:
                sealed = box.encrypt(box.decrypt(found.data[SECRET_OF[found.type]]))
            found.data = {**found.data, SECRET_OF[found.type]: sealed}
            found.save(update_fields=["data"])
            subject = _subject(found.user)
            record(action="user.second_factor_resealed", subject=subject, by=by, now=now)
        changed += 1
    return changed


def _take_away(user: User, *, action: str, by: User | None, reason: str, now: datetime) -> None:
    with transaction.atomic():
        _lock(user)
        if not has_second_factor(user):
            raise SecondFactorMissing(f"{user.get_username()} has no second factor.")
        _rows(user.pk).delete()
        _forget_confirmations(user)
        record(action=action, subject=_subject(user), by=by, now=now, reason=reason)


def _rows(user_id: int) -> QuerySet[Any]:
    found: QuerySet[Any] = Authenticator.objects.filter(user_id=user_id)
    return found


def _new_codes(user: User) -> list[str]:
    with place_of(user.pk, RECOVERY):
        codes = RecoveryCodes.activate(user).generate_codes()
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def _left(row: Authenticator) -> int:
    used = int(row.data.get("used_mask", 0)).bit_count()
    return max(0, int(settings.MFA_RECOVERY_CODE_COUNT) - used)


def _pending(user: User, seed: str) -> Pending:
    name = user.get_username()
    return Pending(seed, time_codes.address_of(seed, name=name, issuer=ISSUER))


def _forget_confirmations(user: User) -> None:
    """What was proven another way than is asked from now on counts no longer."""
    Confirmation.objects.filter(user=user).delete()


def _lock(user: User) -> None:
    User.objects.select_for_update().get(pk=user.pk)


def _subject(user: User) -> str:
    return f"user:{user.pk}"
