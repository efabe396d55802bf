"""The switch over everything, readiness, the audit log, dead letters."""

from __future__ import annotations

from rest_framework import serializers

from config.api_fields import ApiModelSerializer, ApiSerializer, InstantOrMs, StrictSerializer
from marketdata.models import DeadLetter
from trading.models import AuditEvent, SystemState


class SystemStateSerializer(ApiModelSerializer[SystemState]):
    """Who put the system where it is, and why."""

    class Meta:
        model = SystemState
        fields = ("state", "epoch", "scheduler_on", "reason", "changed_by", "changed_at")


class SystemStateChangeSerializer(StrictSerializer):
    """The state wanted; leaving EMERGENCY_STOP needs a reason."""

    state = serializers.ChoiceField(choices=SystemState.State.values)
    reason = serializers.CharField(max_length=200, allow_blank=True, default="")


class ReasonSerializer(StrictSerializer):
    """Why."""

    reason = serializers.CharField(max_length=200, allow_blank=True, default="")


class StopProofSerializer(ApiSerializer):
    """What an emergency stop did; `claims_after_stop` is 0 or something is broken."""

    requested_at = serializers.DateTimeField()
    stopped_at = serializers.DateTimeField()
    halted_s = serializers.FloatField()
    bots_stopped = serializers.IntegerField()
    orders_canceled = serializers.IntegerField()
    orders_unresolved = serializers.ListField(child=serializers.CharField())
    claims_after_stop = serializers.IntegerField()


class GateSerializer(ApiSerializer):
    """One condition of trading."""

    name = serializers.CharField()
    ok = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField())


class ReadinessSerializer(ApiSerializer):
    """All gates; ready when each is."""

    ready = serializers.BooleanField()
    gates = GateSerializer(many=True)


class ColdSeriesSerializer(ApiSerializer):
    """Candles that a bot's warm-up lacks: `missing` of `needed`, or the newest is too old."""

    bot_id = serializers.IntegerField()
    bot = serializers.CharField()
    symbol = serializers.CharField()
    timeframe = serializers.CharField()
    needed = serializers.IntegerField()
    missing = serializers.IntegerField()
    stale = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField())


class SchedulerSerializer(ApiSerializer):
    """Whether the tick runs bots, since when each process lives, what keeps it from starting."""

    on = serializers.BooleanField()
    state = serializers.CharField()
    heartbeats = serializers.DictField(child=serializers.DateTimeField())
    missing = ColdSeriesSerializer(many=True)


class AuditEventSerializer(ApiModelSerializer[AuditEvent]):
    """One thing that happened, as chained."""

    before = serializers.JSONField()
    after = serializers.JSONField()

    class Meta:
        model = AuditEvent
        fields = (
            "seq",
            "at",
            "actor",
            "actor_kind",
            "action",
            "subject",
            "before",
            "after",
            "reason",
            "correlation_id",
            "prev_hash",
            "hash",
            "mac",
        )


class AuditVerdictSerializer(ApiSerializer):
    """Whether the log is whole."""

    ok = serializers.BooleanField()
    events = serializers.IntegerField()
    head = serializers.CharField()
    checked_at = serializers.DateTimeField()
    problems = serializers.ListField(child=serializers.CharField())


class DeadLetterSerializer(ApiModelSerializer[DeadLetter]):
    """What could not be stored, and why."""

    payload = serializers.JSONField()

    class Meta:
        model = DeadLetter
        fields = ("id", "kind", "source", "payload", "reason", "status", "at")


class BackfillSerializer(StrictSerializer):
    """A stretch of history to download; times as ISO 8601 or ms."""

    symbol = serializers.CharField(max_length=60)
    timeframe = serializers.CharField(max_length=3)
    start = InstantOrMs(source="from_ms")
    end = InstantOrMs(source="to_ms")

    def get_fields(self) -> dict[str, object]:  # type: ignore[override]
        fields = super().get_fields()
        return {
            "symbol": fields["symbol"],
            "timeframe": fields["timeframe"],
            "from": fields["start"],
            "to": fields["end"],
        }
