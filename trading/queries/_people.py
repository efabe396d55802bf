"""Who there is, and who has a second factor."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.db.models import OuterRef, QuerySet, Subquery


def people() -> QuerySet[User]:
    """Everybody, by name; `second_factor_at` is when their second factor was set up, or None."""
    factors = Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)
    since = Subquery(factors.values("created_at")[:1])
    found = User.objects.annotate(second_factor_at=since).prefetch_related("groups")
    return found.order_by("username")


def people_with_second_factor(*, but: User) -> QuerySet[User]:
    """Whose second factor could be reset by `but`, whose own is none of them."""
    return people().filter(authenticator__type=Authenticator.Type.TOTP).exclude(pk=but.pk)
