"""How callers prove who they are: `Authorization: Bearer <token>`, and a password."""

from __future__ import annotations

import hashlib
from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from config import clock
from config.refusals import Refusal
from trading import services
from trading.models import ApiToken


class LoginLocked(Refusal):
    """Too many wrong passwords: the right one is refused too, for a while."""

    code = "LOGIN_LOCKED"
    status = 429
    retry_after_s = 300


class PasswordWrong(Refusal):
    """Somebody who is signed in gave another password than their own."""

    code = "PASSWORD_WRONG"


class ApiTokenAuthentication(BaseAuthentication):
    """The token's user; a read token may not write, whatever its user may."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        token = token_of(words[1].decode("latin-1")) if len(words) == 2 else None
        if token is None:
            raise AuthenticationFailed("The token is unknown, expired or revoked.")
        if request.method not in SAFE_METHODS and token.scope != ApiToken.Scope.WRITE:
            raise PermissionDenied("This token may only read.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def token_of(secret: str) -> ApiToken | None:
    """The valid token of this secret, or None."""
    return services.use_token(secret=secret, now=clock.now())


@sensitive_variables("password")
def user_of(request: HttpRequest, *, username: str, password: str) -> User | None:
    """Whose name and password these are, or None. Refuses LoginLocked after a few wrong ones."""
    try:
        user: Any = get_adapter().authenticate(request, username=username, password=password)
    except ValidationError as error:
        raise LoginLocked(" ".join(error.messages)) from None
    return user if isinstance(user, User) and user.is_active else None


@sensitive_variables("password")
def prove(request: HttpRequest, user: User, password: str) -> None:
    """The signed-in person is still there. Refuses PasswordWrong, LoginLocked."""
    found = user_of(request, username=user.get_username(), password=password)
    if found is None or found.pk != user.pk:
        raise PasswordWrong("This is not your password.", fields={"password": ["Not yours."]})


def via_of(request: HttpRequest | Request) -> str:
    """What a proof of a person is bound to: this token, or this session."""
    token = getattr(request, "auth", None)
    if isinstance(token, ApiToken):
        return f"token:{token.pk}"
    key = request.session.session_key or ""
    # The key itself opens the session; a hash of it opens nothing.
    return f"session:{hashlib.sha256(key.encode()).hexdigest()}" if key else ""
