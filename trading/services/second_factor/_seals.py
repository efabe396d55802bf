"""Where allauth keeps a second factor, its secrets sealed to the person and the kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator

from trading.services.accounts._accounts import keyring

TOTP, RECOVERY = Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES
# Which field of an authenticator's data is the secret.
SECRET_OF = {TOTP: "secret", RECOVERY: "seed"}

_place: ContextVar[str] = ContextVar("second_factor_place")


class SealingAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """allauth writes seeds in clear unless its adapter seals them; this one can't do otherwise.

    allauth doesn't say whose secret it is, so whoever calls it says so with `place_of`; without
    that it raises LookupError, and nothing is written.
    """

    def encrypt(self, text: str) -> str:
        return keyring().seal(text, place=_place.get())

    def decrypt(self, encrypted_text: str) -> str:
        return keyring().open(encrypted_text, place=_place.get())


@contextmanager
def place_of(user_id: int, kind: str) -> Iterator[SealingAdapter]:
    """Meanwhile secrets are sealed to this person and kind: elsewhere they don't open."""
    token = _place.set(f"second_factor:{user_id}:{kind}")
    try:
        yield SealingAdapter()
    finally:
        _place.reset(token)
