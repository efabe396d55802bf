"""Who has a second factor, and what is closed to people without one."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User

from trading.errors import SecondFactorNeeded

# Of AUTH_SECOND_FACTOR: decisions about real money need one; everything does.
FOR_MONEY, FOR_ALL = ("live", "required"), ("required",)


def has_second_factor(user: User | AnonymousUser) -> bool:
    """Whether codes are asked of this person. Recovery codes alone are nothing."""
    kind = Authenticator.Type.TOTP
    return user.pk is not None and Authenticator.objects.filter(user_id=user.pk, type=kind).exists()


def check_has_second_factor(user: User | AnonymousUser, *, where: tuple[str, ...]) -> None:
    """Refuses SecondFactorNeeded where AUTH_SECOND_FACTOR wants one and this person has none."""
    if lacks_second_factor(user, where=where):
        raise SecondFactorNeeded("Set up a second factor first: Security in your menu, /security/.")


def lacks_second_factor(user: User | AnonymousUser, *, where: tuple[str, ...]) -> bool:
    """Whether AUTH_SECOND_FACTOR is one of `where` and this person has none."""
    return settings.ENV.auth_second_factor in where and not has_second_factor(user)
