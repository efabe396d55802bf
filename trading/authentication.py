"""How callers prove who they are: `Authorization: Bearer <token>`, a password, and a code.

Every door that asks a person comes through here: `user_of` and `check_code` sign in, `step_up`
and `step_up_by` ask again who is signed in already.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.base.internal.flows import check_rate_limit
from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from config import clock
from config.pages import Request as PageRequest
from config.refusals import Refusal
from trading import services
from trading.models import ApiToken


class LoginLocked(Refusal):
    """Too many wrong passwords or codes: the right one is refused too, for a while."""

    code = "LOGIN_LOCKED"
    status = 429
    retry_after_s = 300


class PasswordWrong(Refusal):
    """Somebody who is signed in gave another password than their own."""

    code = "PASSWORD_WRONG"


class SecondFactorRequired(Refusal):
    """The password was right; this person's code is needed too."""

    code = "SECOND_FACTOR_REQUIRED"
    status = 403


class CodeWrong(Refusal):
    """Neither the app's code of now nor a recovery code, or one that was used already."""

    code = "CODE_WRONG"


class ApiTokenAuthentication(BaseAuthentication):
    """The token's user; a read token may not write, whatever its user may."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        if not is_by_token(request):
            return None
        words = get_authorization_header(request).split()
        token = token_of(words[1].decode("latin-1")) if len(words) == 2 else None
        if token is None:
            raise AuthenticationFailed("The token is unknown, expired or revoked.")
        if request.method not in SAFE_METHODS and token.scope != ApiToken.Scope.WRITE:
            raise PermissionDenied("This token may only read.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def is_by_token(request: HttpRequest | Request) -> bool:
    """Whether the caller shows a token: then its session doesn't count."""
    words = get_authorization_header(request).split()  # type: ignore[arg-type]  # any request
    return bool(words) and words[0].lower() == b"bearer"


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


@sensitive_variables("code")
def check_code(request: HttpRequest, user: User, code: str) -> None:
    """Of whoever just gave the password: the second factor's code, if they have one.

    Refuses SecondFactorRequired, CodeWrong, LoginLocked. Call it outside of any transaction: the
    count of wrong codes lies in the database and must stay when the request fails.
    """
    if not services.has_second_factor(user):
        return
    if not code.strip():
        words = "Give the code of your authenticator app too, or a recovery code."
        raise SecondFactorRequired(words, fields={"code": [words]})
    try:
        forget = check_rate_limit(user)
    except ValidationError as error:
        raise LoginLocked(" ".join(error.messages), fields={"code": error.messages}) from None
    now = clock.now()
    if not services.use_code(user=user, code=code, now=now):
        services.record_code_refused(user=user, now=now)
        words = "Wrong, or used already: wait for the next code."
        raise CodeWrong(words, fields={"code": [words]})
    forget()


@sensitive_variables("password", "code")
def step_up(request: HttpRequest, *, via: str, user: User, password: str, code: str) -> datetime:
    """The signed-in person is still there; until when that counts, for `via` alone.

    Refuses PasswordWrong, SecondFactorRequired, CodeWrong, LoginLocked.
    """
    prove(request, user, password, code)
    return services.confirm_person(user=user, via=via, now=clock.now())


@sensitive_variables("password", "code")
def prove(request: HttpRequest, user: User, password: str, code: str) -> None:
    """Password and code are this person's. Refuses what `step_up` refuses."""
    found = user_of(request, username=user.get_username(), password=password)
    if found is None or found.pk != user.pk:
        raise PasswordWrong("This is not your password.", fields={"password": ["Not yours."]})
    check_code(request, user, code)


def step_up_by(request: PageRequest, form: forms.Form) -> bool:
    """A page's form with `password` and `code`; what is wrong is shown next to its field."""
    given, user = form.cleaned_data, request.user
    try:
        step_up(
            request,
            via=via_of(request),
            user=user,
            password=given["password"],
            code=given["code"],
        )
    except (PasswordWrong, SecondFactorRequired, CodeWrong, LoginLocked) as refusal:
        form.add_error("code" if "code" in refusal.fields else "password", refusal.detail)
        return False
    return True


def via_of(request: HttpRequest | Request) -> str:
    """What a proof of a person is bound to: this token, or this session."""
    token = getattr(request, "auth", None)
    if isinstance(token, ApiToken):
        return f"token:{token.pk}"
    key = request.session.session_key or ""
    # The key itself opens the session; a hash of it opens nothing.
    return f"session:{hashlib.sha256(key.encode()).hexdigest()}" if key else ""
