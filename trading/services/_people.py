"""Roles, API tokens, and who came in."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models import Q

from trading import access
from trading.errors import TokenInvalid, TokenUnknown
from trading.models import ApiToken
from trading.services._audit import record
from trading.services._factor_held import FOR_ALL, check_has_second_factor

MAX_TOKEN_DAYS = 365


def sync_roles() -> None:
    """The three groups with exactly the permissions that `access` lists."""
    for role, names in access.ROLE_PERMISSIONS.items():
        group, _ = Group.objects.get_or_create(name=role)
        wanted = Q()
        for name in names:
            app, codename = name.split(".")
            wanted |= Q(content_type__app_label=app, codename=codename)
        group.permissions.set(Permission.objects.filter(wanted))


@transaction.atomic
def create_user(*, username: str, password: str, role: str, now: datetime) -> User | None:
    """A person with a role; None if the name is taken."""
    if User.objects.filter(username=username).exists():
        return None
    user = User.objects.create_user(username, password=password)
    user.is_staff = user.is_superuser = role == access.ADMIN
    user.save(update_fields=["is_staff", "is_superuser"])
    user.groups.add(Group.objects.get(name=role))
    record(
        action="user.created",
        subject=f"user:{user.pk}",
        by=None,
        now=now,
        after={"username": username, "role": role},
    )
    return user


@transaction.atomic
def create_token(
    *, user: User, name: str, scope: str, days: int, now: datetime
) -> tuple[ApiToken, str]:
    """A token and its secret, which is never shown again.

    Refuses TokenInvalid, and SecondFactorNeeded where everybody must have one.
    """
    check_has_second_factor(user, where=FOR_ALL)
    if not name.strip():
        raise TokenInvalid("Give the token a name.", fields={"name": ["required"]})
    if scope not in ApiToken.Scope.values:
        raise TokenInvalid("The scope is read or write.", fields={"scope": ["unknown"]})
    if not 1 <= days <= MAX_TOKEN_DAYS:
        raise TokenInvalid(f"Between 1 and {MAX_TOKEN_DAYS} days.", fields={"days": ["range"]})
    secret = f"cs_{secrets.token_urlsafe(32)}"
    token = ApiToken.objects.create(
        user=user,
        name=name.strip()[:60],
        scope=scope,
        prefix=secret[:10],
        digest=token_digest(secret),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    after = {"name": token.name, "scope": scope, "expires_at": token.expires_at.isoformat()}
    record(action="token.created", subject=f"token:{token.pk}", by=user, now=now, after=after)
    return token, secret


@transaction.atomic
def revoke_token(*, token_id: int, by: User, now: datetime) -> ApiToken:
    """Make a token useless. One's own, or anybody's for an administrator."""
    mine = ApiToken.objects.all() if by.has_perm(access.ADMINISTER) else by.api_tokens.all()
    token = mine.filter(pk=token_id).first()
    if token is None:
        raise TokenUnknown("There is no such token.")
    if mine.filter(pk=token_id, revoked_at=None).update(revoked_at=now):
        token.revoked_at = now
        record(action="token.revoked", subject=f"token:{token.pk}", by=by, now=now)
    return token


def use_token(*, secret: str, now: datetime) -> ApiToken | None:
    """The valid token of this secret; notes its use at most once a minute."""
    token = (
        ApiToken.objects.select_related("user")
        .filter(digest=token_digest(secret), revoked_at=None, expires_at__gt=now)
        .first()
    )
    if token is None or not token.user.is_active:
        return None
    if token.last_used_at is None or now - token.last_used_at > timedelta(minutes=1):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def token_digest(secret: str) -> str:
    """The token is 256 random bits, so a plain hash can't be searched for."""
    return hashlib.sha256(secret.encode()).hexdigest()


def record_login(*, user: User, now: datetime) -> None:
    """Someone came in."""
    record(action="user.logged_in", subject=f"user:{user.pk}", by=user, now=now)


def record_logout(*, user: User, now: datetime) -> None:
    """Someone left."""
    record(action="user.logged_out", subject=f"user:{user.pk}", by=user, now=now)


def record_login_failed(*, username: str, now: datetime) -> None:
    """Someone tried; the name is what was typed, cut short."""
    record(
        action="user.login_failed",
        subject="user",
        by=None,
        now=now,
        after={"username": username[:60]},
    )
