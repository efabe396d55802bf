"""How a program says who it speaks for: `Authorization: Bearer <token>`."""

from __future__ import annotations

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from config import clock
from trading import services
from trading.models import ApiToken


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
