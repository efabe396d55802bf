"""Exchange accounts, live grants, and orders with real money. No answer ever holds a key."""

from __future__ import annotations

from rest_framework import serializers

from config import clock
from config.api_fields import ApiModelSerializer, ApiSerializer, PlainDecimal, StrictSerializer
from trading.models import ExchangeAccount, LiveGrant
from trading.queries import account_reasons
from trading.serializers.orders import IntentCreateSerializer
from trading.serializers.system import GateSerializer

GRANT_STATES = ["ASKED", "STANDING", "LAPSED", "EXPIRED", "REVOKED"]


class KeySerializer(StrictSerializer):
    """A key and its secret. They go in here and never come out again."""

    key = serializers.CharField(max_length=256, write_only=True)
    secret = serializers.CharField(max_length=256, write_only=True)


class AccountCreateSerializer(KeySerializer):
    """A new account; nothing may be bought with it before it has limits and was checked."""

    name = serializers.CharField(max_length=40)
    exchange = serializers.ChoiceField(choices=ExchangeAccount.Exchange.values)


class AccountChangeSerializer(StrictSerializer):
    """What is named is changed; amounts are in the quote asset of all the symbols."""

    enabled = serializers.BooleanField(required=False)
    symbols = serializers.ListField(
        child=serializers.CharField(max_length=30), max_length=50, required=False
    )
    max_order = PlainDecimal(required=False, min_value=0)
    max_exposure = PlainDecimal(required=False, min_value=0)


class AccountSerializer(ApiModelSerializer[ExchangeAccount]):
    """An account without its key; `reasons` says why nothing is bought with it now."""

    symbols = serializers.ListField(child=serializers.CharField())
    reasons = serializers.SerializerMethodField()

    class Meta:
        model = ExchangeAccount
        fields = (
            "id",
            "name",
            "exchange",
            "enabled",
            "key_hint",
            "symbols",
            "max_order",
            "max_exposure",
            "may_trade",
            "may_withdraw",
            "ip_bound",
            "checked_at",
            "offset_ms",
            "clock_at",
            "reasons",
            "created_at",
            "updated_at",
        )

    def get_reasons(self, account: ExchangeAccount) -> list[str]:
        return account_reasons(account, clock.now())


class GrantCreateSerializer(StrictSerializer):
    """What is asked for; `typed_name` is the bot's name, written by a person."""

    bot_id = serializers.IntegerField(min_value=1)
    account_id = serializers.IntegerField(min_value=1)
    max_order = PlainDecimal()
    max_exposure = PlainDecimal()
    hours = serializers.IntegerField(min_value=1, max_value=8760, default=24)
    reason = serializers.CharField(max_length=300)
    typed_name = serializers.CharField(max_length=80, allow_blank=True, default="")


class GrantApproveSerializer(StrictSerializer):
    """Which request was read, and the bot's name once more."""

    digest = serializers.CharField(max_length=64)
    typed_name = serializers.CharField(max_length=80)


class GrantSerializer(ApiModelSerializer[LiveGrant]):
    """A grant with both people and every gate as it was."""

    bot_id = serializers.IntegerField()
    bot = serializers.CharField(source="bot.name")
    account_id = serializers.IntegerField()
    account = serializers.CharField(source="account.name")
    state = serializers.SerializerMethodField()
    digest = serializers.CharField(source="subject_digest")
    asked_by = serializers.CharField(source="asked_by.username")
    approved_by = serializers.CharField(source="approved_by.username", allow_null=True)
    revoked_by = serializers.CharField(source="revoked_by.username", allow_null=True)
    asked_gates = GateSerializer(many=True)
    approved_gates = GateSerializer(many=True)

    class Meta:
        model = LiveGrant
        fields = (
            "id",
            "bot_id",
            "bot",
            "account_id",
            "account",
            "state",
            "max_order",
            "max_exposure",
            "hours",
            "expires_at",
            "digest",
            "reason",
            "asked_by",
            "asked_at",
            "asked_gates",
            "approved_by",
            "approved_at",
            "approved_gates",
            "revoked_by",
            "revoked_at",
            "revoke_reason",
        )

    def get_state(self, grant: LiveGrant) -> str:
        return grant.state_at(clock.now())


class GoingLiveSerializer(ApiSerializer):
    """What stands between a bot and real money; `open` when every gate is."""

    bot_id = serializers.IntegerField(source="bot.pk")
    paper_mode = serializers.BooleanField(source="bot.paper_mode")
    account_id = serializers.IntegerField(source="account.pk", allow_null=True, default=None)
    open = serializers.BooleanField()
    gates = GateSerializer(many=True)
    grant = GrantSerializer(allow_null=True, help_text="By which it may buy now.")
    request = GrantSerializer(allow_null=True, help_text="What waits for another person.")


class LiveOrderCreateSerializer(IntentCreateSerializer):
    """An order of a live bot; with `dry_run` it is only shown."""

    dry_run = serializers.BooleanField(default=False)


class LivePreviewSerializer(ApiSerializer):
    """What would be sent, unsigned, and what keeps it from being sent."""

    would_send = serializers.BooleanField()
    denial = serializers.CharField(allow_blank=True)
    exchange = serializers.CharField()
    account = serializers.CharField()
    request = serializers.CharField(help_text="Method and path at the exchange.")
    parameters = serializers.DictField(help_text="As sent, before they are stamped and signed.")
    timestamp_ms = serializers.IntegerField()
    gates = GateSerializer(many=True)
