"""Shapes of the AI part of the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from approvals.models import LlmCall, Review, Source, Suggestion
from config.api_fields import (
    ApiModelSerializer,
    ApiSerializer,
    InstantOrMs,
    Lowercase,
    PlainDecimal,
    StrictSerializer,
)
from trading.serializers.bots import JobSerializer

SOURCES = [value.lower() for value in Source.values]


class ModelsSerializer(ApiSerializer):
    """What the provider has."""

    provider = serializers.CharField()
    models = serializers.ListField(child=serializers.CharField())


class ModelHealthSerializer(ApiSerializer):
    """Whether a model can be asked now; from what is known, nobody is asked."""

    state = serializers.ChoiceField(choices=["off", "unpriced", "ready", "left_alone"])
    enabled = serializers.BooleanField()
    provider = serializers.CharField()
    model = serializers.CharField()
    circuit = serializers.ChoiceField(choices=["closed", "open", "half_open"])
    failures = serializers.IntegerField()
    retry_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField()
    last_ok_at = serializers.DateTimeField(allow_null=True)
    last_ok_ms = serializers.IntegerField(allow_null=True)


class SpendSerializer(ApiSerializer):
    """US dollars of one UTC month."""

    month = serializers.CharField()
    spent = PlainDecimal()
    budget = PlainDecimal()
    left = PlainDecimal()
    per_call = PlainDecimal()
    price_in = PlainDecimal(allow_null=True)
    price_out = PlainDecimal(allow_null=True)
    held = PlainDecimal()
    held_calls = serializers.IntegerField()
    calls = serializers.IntegerField()
    failed_calls = serializers.IntegerField()


class TrackRecordSerializer(ApiSerializer):
    """What people made of suggestions; edges are fractions."""

    made = serializers.IntegerField()
    refused = serializers.IntegerField()
    waiting = serializers.IntegerField()
    approved = serializers.IntegerField()
    rejected = serializers.IntegerField()
    expired = serializers.IntegerField()
    acceptance = serializers.FloatField(allow_null=True)
    approved_edge = serializers.FloatField(allow_null=True)
    approved_measured = serializers.IntegerField()
    rejected_edge = serializers.FloatField(allow_null=True)
    rejected_measured = serializers.IntegerField()


class ModelStatusSerializer(ApiSerializer):
    health = ModelHealthSerializer()
    spend = SpendSerializer()
    record = TrackRecordSerializer()


class CallSerializer(ApiModelSerializer[LlmCall]):
    """One call, without prompt and answer."""

    purpose = Lowercase(choices=[value.lower() for value in LlmCall.Purpose.values])
    cost_basis = Lowercase(choices=[value.lower() for value in LlmCall.CostBasis.values])
    params = serializers.DictField()
    cost = PlainDecimal()

    class Meta:
        model = LlmCall
        fields = (
            "id",
            "at",
            "purpose",
            "subject",
            "asked_by",
            "provider",
            "base_url",
            "model",
            "answered_model",
            "params",
            "template",
            "template_sha256",
            "prompt_sha256",
            "answer_sha256",
            "verdict",
            "reason",
            "http_status",
            "latency_ms",
            "tokens_in",
            "tokens_out",
            "cost",
            "cost_basis",
            "digest",
        )


class WholeCallSerializer(CallSerializer):
    """One call with prompt and answer; null when they can't be opened."""

    prompt = serializers.CharField(allow_null=True)
    answer = serializers.CharField(allow_null=True)
    inputs = serializers.DictField()
    genuine = serializers.BooleanField()

    class Meta(CallSerializer.Meta):
        fields = (  # type: ignore[assignment]
            *CallSerializer.Meta.fields,
            "prompt",
            "answer",
            "inputs",
            "genuine",
        )


class AskReviewSerializer(StrictSerializer):
    """What to review on; all of it can be left out when a bot uses the strategy."""

    source = serializers.ChoiceField(choices=SOURCES, required=False)  # type: ignore[assignment]
    symbols = serializers.ListField(
        child=serializers.CharField(max_length=80), max_length=20, required=False
    )
    timeframe = serializers.CharField(max_length=4, required=False)
    start = InstantOrMs(source="from_ms", required=False)
    end = InstantOrMs(source="to_ms", required=False)
    rounds = serializers.IntegerField(min_value=1, max_value=5, required=False)
    note = serializers.CharField(max_length=500, required=False, allow_blank=True)
    search_id = serializers.IntegerField(min_value=1, required=False)
    places = serializers.ListField(
        child=serializers.IntegerField(min_value=1), max_length=50, required=False
    )
    params = serializers.DictField(required=False)

    def get_fields(self) -> dict[str, Any]:
        # "from" is a word of Python, so it can't be declared as an attribute.
        fields = super().get_fields()
        return {{"start": "from", "end": "to"}.get(name, name): f for name, f in fields.items()}

    def validate_source(self, value: str) -> str:
        return value.upper()


class GenerateSerializer(AskReviewSerializer):
    strategy = serializers.CharField(max_length=40)


class ReviewSerializer(ApiModelSerializer[Review]):
    """One run of the loop."""

    job = JobSerializer()
    strategy = serializers.CharField(source="strategy.name")
    base = serializers.IntegerField(source="base.number")
    source = Lowercase(choices=SOURCES)  # type: ignore[assignment]
    step = Lowercase(choices=[value.lower() for value in Review.Step.values])
    symbols = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Review
        fields = (
            "id",
            "job",
            "strategy",
            "base",
            "source",
            "step",
            "round",
            "rounds",
            "symbols",
            "timeframe",
            "from_ms",
            "to_ms",
            "oos_share",
            "note",
            "outcome",
            "created_at",
            "finished_at",
        )


class ClaimSerializer(ApiSerializer):
    """A number of a text; `by` is the stored value that supports it, or empty."""

    field = serializers.CharField()
    text = serializers.CharField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    by = serializers.CharField(allow_blank=True)


class DeltaSerializer(ApiSerializer):
    param = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        value = {"from": serializers.JSONField(allow_null=True), "to": serializers.JSONField()}
        return {**super().get_fields(), **value}


class SuggestionSerializer(ApiModelSerializer[Suggestion]):
    """A suggestion with its provenance."""

    strategy = serializers.CharField(source="strategy.name")
    strategy_id = serializers.IntegerField()
    base = serializers.IntegerField(source="base.number")
    version = serializers.IntegerField(source="version.number", allow_null=True, default=None)
    simulation = serializers.IntegerField(source="simulation_id", allow_null=True)
    verdict = serializers.SerializerMethodField()
    call = serializers.IntegerField(source="call_id", allow_null=True)
    review = serializers.IntegerField(source="review_id", allow_null=True)
    parent = serializers.IntegerField(source="parent_id", allow_null=True)  # type: ignore[assignment]
    source = Lowercase(choices=SOURCES)  # type: ignore[assignment]
    state = Lowercase(choices=[value.lower() for value in Suggestion.State.values])
    deltas = DeltaSerializer(many=True)
    claims = ClaimSerializer(many=True)
    risks = serializers.ListField(child=serializers.CharField())
    unsupported = serializers.IntegerField()

    class Meta:
        model = Suggestion
        fields = (
            "id",
            "strategy",
            "strategy_id",
            "base",
            "version",
            "simulation",
            "verdict",
            "call",
            "review",
            "round",
            "parent",
            "source",
            "state",
            "deltas",
            "rationale",
            "confidence",
            "risks",
            "expected_effect",
            "claims",
            "unsupported",
            "refused_code",
            "refused_reason",
            "created_at",
            "decided_at",
        )

    @extend_schema_field({"type": "string", "nullable": True})
    def get_verdict(self, row: Suggestion) -> str | None:
        return row.simulation.verdict.lower() or None if row.simulation else None
