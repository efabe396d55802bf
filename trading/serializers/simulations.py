"""Simulations: what is asked for, what lists show, the report."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api_fields import (
    ApiModelSerializer,
    ApiSerializer,
    InstantOrMs,
    PlainDecimal,
    StrictSerializer,
)
from trading.models import Search, Simulation
from trading.serializers.bots import JOB_STATUSES, JobSerializer, KnobsField

VERDICTS = [value.lower() for value in Simulation.Verdict.values]


class SimulateSerializer(StrictSerializer):
    """What to simulate: a version, or parameters that become one."""

    version = serializers.IntegerField(required=False, min_value=1)
    params = serializers.DictField(required=False)
    baseline = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, help_text="a version; null for none"
    )
    symbols = serializers.ListField(child=serializers.CharField(), min_length=1, max_length=50)
    timeframe = serializers.CharField()
    start = InstantOrMs(source="from_ms")
    end = InstantOrMs(source="to_ms")
    knobs = serializers.DictField(required=False)
    starting_cash = PlainDecimal(required=False)
    fill_at = serializers.ChoiceField(choices=Simulation.FillAt.choices, default="next_open")
    oos_share = serializers.FloatField(default=0.3, min_value=0.1, max_value=0.9)
    seed = serializers.IntegerField(default=0, min_value=0, max_value=2**32 - 1)

    def get_fields(self) -> dict[str, Any]:
        # "from" is a word of Python, so it can't be declared as an attribute.
        fields = super().get_fields()
        return {{"start": "from", "end": "to"}.get(name, name): f for name, f in fields.items()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "version" in attrs and "params" in attrs:
            raise serializers.ValidationError({"params": ["Either a version or parameters."]})
        return attrs


class SimulationSerializer(ApiModelSerializer[Simulation]):
    """A simulation without its report."""

    job = JobSerializer()
    status = serializers.SerializerMethodField()
    strategy = serializers.CharField(source="version.strategy.name")
    version = serializers.IntegerField(source="version.number")
    baseline = serializers.IntegerField(source="baseline.number", allow_null=True, default=None)
    symbols = serializers.ListField(child=serializers.CharField())
    knobs = KnobsField()
    verdict = serializers.SerializerMethodField()
    headline = serializers.DictField()
    certificate = serializers.DictField()

    class Meta:
        model = Simulation
        fields = (
            "id",
            "job",
            "status",
            "strategy",
            "version",
            "baseline",
            "symbols",
            "timeframe",
            "from_ms",
            "to_ms",
            "knobs",
            "starting_cash",
            "fill_at",
            "oos_share",
            "seed",
            "verdict",
            "headline",
            "certificate",
            "report_hash",
            "created_at",
            "finished_at",
        )

    @extend_schema_field({"type": "string", "enum": JOB_STATUSES})
    def get_status(self, row: Simulation) -> str:
        return str(row.job.status).lower()

    @extend_schema_field({"type": "string", "nullable": True, "enum": [*VERDICTS, None]})
    def get_verdict(self, row: Simulation) -> str | None:
        return str(row.verdict).lower() or None


class SimulationReportSerializer(SimulationSerializer):
    """A simulation with its report; null while it has none."""

    report = serializers.SerializerMethodField()

    class Meta(SimulationSerializer.Meta):
        fields = (*SimulationSerializer.Meta.fields, "report")  # type: ignore[assignment]

    @extend_schema_field(
        {
            "type": "object",
            "nullable": True,
            "additionalProperties": True,
            "description": "See docs/reference/simulations.md.",
        }
    )
    def get_report(self, row: Simulation) -> dict[str, Any] | None:
        return self.context.get("report")


class TrainSerializer(StrictSerializer):
    """Where and how to search for better parameters."""

    strategy = serializers.CharField()
    version = serializers.IntegerField(required=False, min_value=1, help_text="to start from")
    symbols = serializers.ListField(child=serializers.CharField(), min_length=1, max_length=50)
    timeframe = serializers.CharField()
    start = InstantOrMs(source="from_ms")
    end = InstantOrMs(source="to_ms")
    method = serializers.ChoiceField(choices=Search.Method.choices, default=Search.Method.TPE)
    space = serializers.DictField(child=serializers.DictField(), required=False)
    objective = serializers.CharField(default="composite")
    trials = serializers.IntegerField(default=200, min_value=1, max_value=200_000)
    knobs = serializers.DictField(required=False)
    oos_share = serializers.FloatField(default=0.3, min_value=0.1, max_value=0.9)
    seed = serializers.IntegerField(default=0, min_value=0, max_value=2**32 - 1)

    def get_fields(self) -> dict[str, Any]:
        # "from" is a word of Python, so it can't be declared as an attribute.
        fields = super().get_fields()
        return {{"start": "from", "end": "to"}.get(name, name): f for name, f in fields.items()}


class FoundSerializer(ApiSerializer):
    """Parameters that were tried, with their score."""

    params = serializers.DictField()
    score = serializers.FloatField()
    metrics = serializers.DictField()


class SearchSerializer(ApiModelSerializer[Search]):
    """A search with its best results, the best first."""

    job = JobSerializer()
    strategy = serializers.CharField(source="strategy.name")
    baseline = serializers.IntegerField(source="baseline.number")
    candidate = serializers.IntegerField(source="candidate.number", allow_null=True, default=None)
    symbols = serializers.ListField(child=serializers.CharField())
    space = serializers.DictField()
    best = FoundSerializer(many=True)

    class Meta:
        model = Search
        fields = (
            "id",
            "job",
            "strategy",
            "baseline",
            "candidate",
            "symbols",
            "timeframe",
            "from_ms",
            "to_ms",
            "oos_share",
            "method",
            "space",
            "objective",
            "wanted",
            "tried",
            "best",
            "seed",
            "created_at",
            "finished_at",
        )


class ProposalSerializer(ApiSerializer):
    """The best of the newest search, and what simulation said of it on data it never saw."""

    search = SearchSerializer()
    params = serializers.DictField()
    score = serializers.FloatField()
    simulation = SimulationSerializer(allow_null=True)
