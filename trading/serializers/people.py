"""Who is signed in, and tokens."""

from __future__ import annotations

from rest_framework import serializers

from config.api_fields import ApiModelSerializer, ApiSerializer, StrictSerializer
from trading.models import ApiToken

MAX_DAYS = 365


def code_field() -> serializers.CharField:
    """What people with a second factor give beside their password."""
    return serializers.CharField(
        max_length=40,
        required=False,
        allow_blank=True,
        default="",
        help_text="Of the authenticator app, or a recovery code; nothing without a second factor.",
    )


class LoginSerializer(StrictSerializer):
    """A name and a password, and a code."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1024, trim_whitespace=False)
    code = code_field()


class ConfirmSerializer(StrictSerializer):
    """One's own password, once more, and a new code."""

    password = serializers.CharField(max_length=1024, trim_whitespace=False)
    code = code_field()


class ConfirmedSerializer(ApiSerializer):
    """Until when that counts."""

    confirmed_until = serializers.DateTimeField()


class MeSerializer(ApiSerializer):
    """Who asks, and what that allows."""

    username = serializers.CharField()
    role = serializers.CharField(help_text="admin, operator, viewer, or empty.")
    permissions = serializers.ListField(child=serializers.CharField())
    second_factor = serializers.BooleanField(help_text="Whether a code is asked of this person.")
    auth = serializers.ChoiceField(choices=["session", "token"])
    scope = serializers.ChoiceField(choices=["read", "write"])


class LoggedInSerializer(ApiSerializer):
    """A token for the Authorization header, and whom it speaks for."""

    token = serializers.CharField()
    token_type = serializers.CharField()
    expires_at = serializers.DateTimeField()
    username = serializers.CharField()
    role = serializers.CharField()
    permissions = serializers.ListField(child=serializers.CharField())
    second_factor = serializers.BooleanField()


class TokenSerializer(ApiModelSerializer[ApiToken]):
    """A token without its secret."""

    class Meta:
        model = ApiToken
        fields = (
            "id",
            "name",
            "scope",
            "prefix",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        )


class TokenCreateSerializer(StrictSerializer):
    """A new token; a scope of write also needs the role for what is written."""

    name = serializers.CharField(max_length=60)
    scope = serializers.ChoiceField(choices=ApiToken.Scope.values, default=ApiToken.Scope.READ)
    days = serializers.IntegerField(min_value=1, max_value=MAX_DAYS, default=90)


class TokenCreatedSerializer(TokenSerializer):
    """The only answer that holds the secret; a repeat of the request holds null instead."""

    token = serializers.CharField(allow_null=True)

    class Meta:
        model = ApiToken
        fields = (*TokenSerializer.Meta.fields, "token")
