"""What our books and the exchanges say, and where they differ."""

from __future__ import annotations

from rest_framework import serializers

from config import clock
from config.api_fields import ApiModelSerializer, ApiSerializer, StrictSerializer
from trading.models import Incident, ReconcileRun
from trading.queries import RATE_WANTED, AccountBooks


class AcknowledgeSerializer(StrictSerializer):
    """What the difference is; the audit log keeps it."""

    reason = serializers.CharField(max_length=200)


class RequestedSerializer(ApiSerializer):
    """The accounts that are reconciled now."""

    accounts = serializers.ListField(child=serializers.CharField())


class MatchRateSerializer(ApiSerializer):
    """Clean over judged cycles of 24 hours; aborted ones judge nothing. Null before the first."""

    rate = serializers.FloatField(allow_null=True)
    clean = serializers.IntegerField()
    different = serializers.IntegerField()
    aborted = serializers.IntegerField()


class RunSerializer(ApiModelSerializer[ReconcileRun]):
    """One cycle; ABORTED is no information, and `error` says why."""

    class Meta:
        model = ReconcileRun
        fields = (
            "id",
            "started_at",
            "duration_ms",
            "outcome",
            "error",
            "orders_seen",
            "external_orders",
            "fills_booked",
            "assets_compared",
            "differences",
        )


class ExternalOrderSerializer(ApiSerializer):
    """An order that works there and isn't ours: listed, never touched."""

    client_order_id = serializers.CharField()
    exchange_order_id = serializers.CharField()
    symbol = serializers.CharField()
    buy = serializers.BooleanField()
    qty = serializers.CharField()
    price = serializers.CharField(allow_null=True)
    filled_qty = serializers.CharField()
    status = serializers.CharField()
    updated_ms = serializers.IntegerField()


class AccountBooksSerializer(ApiSerializer):
    """One account; `stale` when its exchange told nothing for two minutes."""

    account_id = serializers.IntegerField(source="account.pk")
    account = serializers.CharField(source="account.name")
    exchange = serializers.CharField(source="account.exchange")
    stale = serializers.BooleanField()
    told_at = serializers.DateTimeField(source="standing.told_at", allow_null=True, default=None)
    due_at = serializers.DateTimeField(source="standing.due_at", allow_null=True, default=None)
    unreachable_since = serializers.DateTimeField(
        source="standing.unreachable_since", allow_null=True, default=None
    )
    opened_at = serializers.DateTimeField(
        source="standing.opened_at", allow_null=True, default=None
    )
    last = RunSerializer(allow_null=True)
    age_s = serializers.SerializerMethodField()
    match = MatchRateSerializer()
    incidents = serializers.IntegerField()
    drifts = serializers.IntegerField()
    external_orders = ExternalOrderSerializer(
        source="standing.external_orders", many=True, default=list
    )
    runs = RunSerializer(many=True, help_text="The newest 60, the oldest of them first.")

    def get_age_s(self, books: AccountBooks) -> float | None:
        if books.last is None:
            return None
        return max(0.0, (clock.now() - books.last.started_at).total_seconds())


class IncidentSerializer(ApiModelSerializer[Incident]):
    """A difference; a drift was seen twice in a row and blocks buys while it is open."""

    account_id = serializers.IntegerField()
    account = serializers.CharField(source="account.name")
    title = serializers.CharField(source="get_kind_display")
    symbol = serializers.CharField(source="symbol.name", allow_null=True, default=None)
    order_id = serializers.IntegerField(allow_null=True)
    owner = serializers.CharField(source="owner.username", allow_null=True, default=None)
    evidence = serializers.DictField()
    blocks = serializers.BooleanField()
    age_s = serializers.SerializerMethodField()

    class Meta:
        model = Incident
        fields = (
            "id",
            "account_id",
            "account",
            "kind",
            "title",
            "state",
            "drift",
            "blocks",
            "symbol",
            "asset",
            "order_id",
            "key",
            "ours",
            "theirs",
            "evidence",
            "sightings",
            "age_s",
            "owner",
            "reason",
            "first_seen_at",
            "last_seen_at",
            "acknowledged_at",
            "resolved_at",
        )

    def get_age_s(self, row: Incident) -> float:
        return (row.age_at(clock.now())).total_seconds()


class ReconciliationSerializer(ApiSerializer):
    """All accounts together and each; `incidents` are the open ones, drifts first."""

    match = MatchRateSerializer()
    wanted = serializers.FloatField(default=RATE_WANTED)
    drifts = serializers.IntegerField()
    accounts = AccountBooksSerializer(many=True)
    incidents = IncidentSerializer(many=True)
