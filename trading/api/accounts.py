"""Exchange accounts: added, checked, limited, switched, removed."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import clock
from config.permissions import person
from trading import access, queries, services
from trading.models import ExchangeAccount
from trading.serializers.live import (
    AccountChangeSerializer,
    AccountCreateSerializer,
    AccountSerializer,
    KeySerializer,
)


class ReadOrAdminister(APIView):
    """Viewers read, administrators write."""

    def get_permissions(self) -> list[BasePermission]:
        reads = self.request.method in SAFE_METHODS
        return [access.MayView() if reads else access.MayAdminister()]


class AccountsView(ReadOrAdminister, ListAPIView[ExchangeAccount]):
    """Accounts at exchanges, the newest first."""

    serializer_class = AccountSerializer

    def get_queryset(self) -> QuerySet[ExchangeAccount]:
        return queries.accounts()

    @extend_schema(
        request=AccountCreateSerializer,
        responses={201: AccountSerializer},
        examples=[
            OpenApiExample(
                "An account",
                value={"name": "main", "exchange": "binance", "key": "...", "secret": "..."},
                request_only=True,
            )
        ],
    )
    @method_decorator(sensitive_variables("asked"))
    def post(self, request: Request) -> Response:
        """Add an account. Its key is sealed; nothing is asked of the exchange yet."""
        asked = AccountCreateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        account = services.add_account(by=person(request), now=clock.now(), **asked.validated_data)
        return Response(AccountSerializer(account).data, status=201)


class AccountView(ReadOrAdminister):
    @extend_schema(responses=AccountSerializer)
    def get(self, request: Request, account_id: int) -> Response:
        """One account."""
        return Response(AccountSerializer(services.get_account(account_id)).data)

    @extend_schema(request=AccountChangeSerializer, responses=AccountSerializer)
    def patch(self, request: Request, account_id: int) -> Response:
        """Switch it on or off, or set what may be bought with it."""
        asked = AccountChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        account = services.update_account(
            account_id=account_id,
            changes=asked.validated_data,
            by=person(request),
            now=clock.now(),
        )
        return Response(AccountSerializer(account).data)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, account_id: int) -> Response:
        """Forget its key; 409 while a live order or a live bot needs it."""
        services.remove_account(account_id=account_id, by=person(request), now=clock.now())
        return Response(status=204)


class AccountKeyView(APIView):
    permission_classes = (access.MayAdminister,)

    @extend_schema(request=KeySerializer, responses=AccountSerializer)
    @method_decorator(sensitive_variables("asked"))
    def post(self, request: Request, account_id: int) -> Response:
        """Give it another key; it buys nothing before that one was checked."""
        asked = KeySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        account = services.replace_key(
            account_id=account_id, by=person(request), now=clock.now(), **asked.validated_data
        )
        return Response(AccountSerializer(account).data)


class AccountCheckView(APIView):
    permission_classes = (access.MayOperate,)
    own_transactions = True  # no transaction stays open while the exchange is asked

    @extend_schema(request=None, responses=AccountSerializer)
    def post(self, request: Request, account_id: int) -> Response:
        """Ask the exchange what the key may do and what time it is; 503 if it doesn't tell."""
        account = services.check_account(account_id=account_id, by=person(request), now=clock.now())
        return Response(AccountSerializer(account).data)
