"""Shapes of agents, findings, postures and signals in the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rest_framework import serializers

from config import clock
from config.api_fields import ApiModelSerializer, ApiSerializer, StrictSerializer
from strategies.finding_buffer import Draft
from strategies.models import Finding, Posture, Signal
from strategies.queries import AgentState


class AgentSerializer(ApiSerializer):
    """One agent: how it is set, how it fares."""

    agent = serializers.CharField(source="code.name")
    title = serializers.CharField(source="code.title")
    description = serializers.CharField(source="code.description")
    status = serializers.ChoiceField(choices=["WAITING", "OK", "RESTING", "FAILED", "OFF"])
    enabled = serializers.BooleanField(source="row.enabled")
    switched_on = serializers.BooleanField(help_text="Whether its FEATURE_ setting lets it run.")
    interval_s = serializers.FloatField()
    params = serializers.DictField(help_text="Settings and what people changed, together.")
    params_schema = serializers.SerializerMethodField()
    last_run = serializers.DateTimeField(source="row.last_run_at", allow_null=True)
    last_ok = serializers.DateTimeField(source="row.last_ok_at", allow_null=True)
    next_run = serializers.DateTimeField(allow_null=True)
    heartbeat = serializers.DateTimeField(source="row.heartbeat_at", allow_null=True)
    runs = serializers.IntegerField(source="row.runs")
    failures = serializers.IntegerField(source="row.failures", help_text="In a row.")
    note = serializers.CharField(source="row.note", help_text="Why it rests.")
    last_error = serializers.CharField(source="row.last_error")
    last_error_at = serializers.DateTimeField(source="row.last_error_at", allow_null=True)

    def get_params_schema(self, state: AgentState) -> dict[str, Any]:
        return state.code.schema()


class AgentsSerializer(ApiSerializer):
    """All agents, in the order of the code."""

    agents = AgentSerializer(many=True)


class AgentChangeSerializer(StrictSerializer):
    """What a PATCH may change; `params` replaces what was set before, {} goes back to settings."""

    enabled = serializers.BooleanField(required=False)
    interval_s = serializers.FloatField(required=False, min_value=1, max_value=86_400)
    params = serializers.DictField(required=False)


class NoteSerializer(ApiSerializer):
    """Something that was noticed."""

    symbol = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # Field has a label of its own
    score = serializers.FloatField()
    details = serializers.DictField()


class AgentResultSerializer(ApiSerializer):
    """One agent's run; `error` is empty when all went well."""

    agent = serializers.CharField()
    error = serializers.CharField()
    looked = serializers.IntegerField(help_text="Symbols.")
    resting = serializers.CharField(help_text="Why there was nothing to do.")
    notes = NoteSerializer(many=True)


class RunNowSerializer(ApiSerializer):
    """What came of running agents by hand; `ok` when none failed."""

    ok = serializers.BooleanField()
    ran = serializers.ListField(child=serializers.CharField())
    results = AgentResultSerializer(many=True)


class FindingSerializer(ApiModelSerializer[Finding]):
    """What an agent noticed. `ts_utc` is when it did first, `last_utc` when it did last."""

    ts_utc = serializers.DateTimeField(source="at")
    last_utc = serializers.DateTimeField(source="last_at")
    symbol = serializers.CharField(source="symbol.name")
    exchange = serializers.CharField(source="symbol.exchange")
    details = serializers.DictField()
    key = serializers.CharField()

    class Meta:
        model = Finding
        fields = (
            "key",
            "ts_utc",
            "last_utc",
            "agent",
            "symbol",
            "exchange",
            "score",
            "label",
            "details",
            "repeats",
        )


class FindingsSerializer(ApiSerializer):
    """Findings, the newest first; from the bus while the database is away."""

    findings = FindingSerializer(many=True)
    source = serializers.ChoiceField(  # type: ignore[assignment]  # and a source
        choices=["database", "buffer"]
    )
    next_cursor = serializers.CharField(allow_null=True)


def buffered_finding(draft: Draft) -> dict[str, Any]:
    """A finding of the bus in the same shape."""
    return {
        "key": draft.key,
        "ts_utc": draft.at,
        "last_utc": draft.at,
        "agent": draft.agent,
        "symbol": draft.symbol,
        "exchange": draft.exchange,
        "score": draft.score,
        "label": draft.label,
        "details": dict(draft.details),
        "repeats": 1,
    }


class PostureSerializer(ApiModelSerializer[Posture]):
    """The standing view on a symbol; `persistence` counts the looks that lean to `leaning`."""

    symbol = serializers.CharField(source="symbol.name")
    exchange = serializers.CharField(source="symbol.exchange")
    status = serializers.ChoiceField(source="view", choices=Posture.View.values)
    leaning = serializers.ChoiceField(choices=Posture.View.values)
    persistence = serializers.IntegerField(source="count")
    details = serializers.DictField()

    class Meta:
        model = Posture
        fields = (
            "symbol",
            "exchange",
            "status",
            "p_up",
            "leaning",
            "persistence",
            "since",
            "updated_at",
            "details",
        )


class SignalSerializer(ApiModelSerializer[Signal]):
    """What a strategy or a rule said at a candle's close (`timestamp`)."""

    symbol = serializers.CharField(source="symbol.name")
    exchange = serializers.CharField(source="symbol.exchange")
    timestamp = serializers.SerializerMethodField()
    signal_type = serializers.ChoiceField(source="kind", choices=Signal.Kind.values)
    details = serializers.DictField()

    class Meta:
        model = Signal
        fields = (
            "id",
            "symbol",
            "exchange",
            "timeframe",
            "timestamp",
            "strategy",
            "signal_type",
            "price",
            "details",
            "filtered",
            "executed",
            "created_at",
        )

    def get_timestamp(self, signal: Signal) -> datetime:
        return clock.from_ms(signal.candle_close_ms)
