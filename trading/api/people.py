"""Login, logout, who am I, and tokens."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import clock
from config.permissions import person
from config.refusals import Refusal
from config.throttling import LoginThrottle
from trading import access, services
from trading.authentication import check_code, step_up, user_of, via_of
from trading.models import ApiToken
from trading.serializers.people import (
    ConfirmedSerializer,
    ConfirmSerializer,
    LoggedInSerializer,
    LoginSerializer,
    MeSerializer,
    TokenCreatedSerializer,
    TokenCreateSerializer,
    TokenSerializer,
)


class LoginFailed(Refusal):
    """Name or password: which of them isn't told."""

    code = "AUTHENTICATION_FAILED"
    status = 401


class LoginView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (LoginThrottle,)
    remembered = False  # a key would keep a token, and a hash over a password

    @extend_schema(
        request=LoginSerializer,
        responses=LoggedInSerializer,
        examples=[
            OpenApiExample(
                "A login",
                value={"username": "olga", "password": "correct horse"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Trade a password, and the code of a second factor, for a token that lasts a day."""
        asked = LoginSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user = _authenticate(request, dict(asked.validated_data))
        now = clock.now()
        services.record_login(user=user, now=now)
        token, secret = services.create_token(
            user=user, name="login", scope=ApiToken.Scope.WRITE, days=1, now=now
        )
        answer = {
            "token": secret,
            "token_type": "Bearer",
            "expires_at": token.expires_at,
            **_whois(user),
        }
        return Response(LoggedInSerializer(answer).data)


class LogoutView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """Revoke the token of this request, or end its session."""
        user, now = person(request), clock.now()
        services.record_logout(user=user, now=now)
        if isinstance(request.auth, ApiToken):
            services.revoke_token(token_id=request.auth.pk, by=user, now=now)
        else:
            logout(request._request)
        return Response(status=204)


class MeView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """Who asks, and what that allows."""
        token = request.auth if isinstance(request.auth, ApiToken) else None
        how = {"auth": "token" if token else "session", "scope": token.scope if token else "write"}
        return Response(MeSerializer({**_whois(person(request)), **how}).data)


class ConfirmView(APIView):
    permission_classes = (access.MayView,)
    throttle_classes = (LoginThrottle,)
    remembered = False  # a key would keep a hash over a password

    @extend_schema(request=ConfirmSerializer, responses=ConfirmedSerializer)
    @method_decorator(sensitive_variables("asked"))
    def post(self, request: Request) -> Response:
        """Give the password again, and a code: it counts for minutes, for this token or session."""
        asked = ConfirmSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user, via = person(request), via_of(request)
        until = step_up(request._request, via=via, user=user, **asked.validated_data)
        return Response(ConfirmedSerializer({"confirmed_until": until}).data)


class TokensView(ListAPIView[ApiToken]):
    """One's own tokens, the newest first."""

    permission_classes = (access.MayView,)
    serializer_class = TokenSerializer
    shown_once = ("token",)

    def get_queryset(self) -> QuerySet[ApiToken]:
        return ApiToken.objects.filter(user=person(self.request))

    @extend_schema(request=TokenCreateSerializer, responses={201: TokenCreatedSerializer})
    def post(self, request: Request) -> Response:
        """Make a token. The answer is the only one that holds it."""
        asked = TokenCreateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        token, secret = services.create_token(
            user=person(request), now=clock.now(), **asked.validated_data
        )
        return Response({**TokenSerializer(token).data, "token": secret}, status=201)


class TokenView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, token_id: int) -> Response:
        """Revoke a token: one's own, or anybody's for an administrator."""
        services.revoke_token(token_id=token_id, by=person(request), now=clock.now())
        return Response(status=204)


def _authenticate(request: Request, credentials: dict[str, Any]) -> User:
    """The same steps, lockout and audit as the sign-in pages."""
    code = credentials.pop("code")
    user = user_of(request._request, **credentials)
    if user is None:
        raise LoginFailed("The name or the password is wrong.")
    check_code(request._request, user, code)
    return user


def _whois(user: Any) -> dict[str, Any]:
    held = sorted(name for name in access.ROLE_PERMISSIONS[access.ADMIN] if user.has_perm(name))
    return {
        "username": user.get_username(),
        "role": access.role_of(user),
        "permissions": held,
        "second_factor": services.has_second_factor(user),
    }
