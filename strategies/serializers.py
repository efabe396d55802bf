"""Shapes of the strategies API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api_fields import ApiModelSerializer, ApiSerializer, StrictSerializer
from strategies import queries, registry
from strategies.errors import StrategyUnknown
from strategies.models import Strategy, StrategyVersion


class ParamChangeSerializer(ApiSerializer):
    """One parameter that differs from the version before."""

    name = serializers.CharField()
    title = serializers.CharField()
    unit = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class VersionSerializer(ApiModelSerializer[StrategyVersion]):
    """Parameters, their state, and the diff against the number before."""

    strategy = serializers.CharField(source="strategy.name")
    params = serializers.DictField()
    created_by = serializers.SerializerMethodField()
    diff = serializers.SerializerMethodField()

    class Meta:
        model = StrategyVersion
        fields = (
            "id",
            "strategy",
            "number",
            "state",
            "params",
            "params_hash",
            "code_hash",
            "note",
            "created_by",
            "created_at",
            "diff",
        )

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_created_by(self, version: StrategyVersion) -> str | None:
        return version.created_by.get_username() if version.created_by else None

    @extend_schema_field(ParamChangeSerializer(many=True))
    def get_diff(self, version: StrategyVersion) -> list[Any]:
        rows = StrategyVersion.objects.filter(strategy=version.strategy)
        before = rows.filter(number__lt=version.number).order_by("-number").first()
        if before is None:
            return []
        changes = queries.version_diff(before, version)
        return list(ParamChangeSerializer(changes, many=True).data)


class StrategySerializer(ApiModelSerializer[Strategy]):
    """A built-in strategy with its parameters' JSON schema and its active version."""

    params_schema = serializers.SerializerMethodField()
    active_version = serializers.SerializerMethodField()
    versions = serializers.SerializerMethodField()

    class Meta:
        model = Strategy
        fields = (
            "id",
            "name",
            "title",
            "description",
            "params_schema",
            "active_version",
            "versions",
            "created_at",
        )

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_params_schema(self, strategy: Strategy) -> dict[str, Any] | None:
        try:
            return registry.get(strategy.name).schema()
        except StrategyUnknown:
            return None  # its code is gone; the row stays for the bots that ran it

    def get_active_version(self, strategy: Strategy) -> int | None:
        numbers = (
            version.number
            for version in strategy.versions.all()
            if version.state == StrategyVersion.State.ACTIVE
        )
        return next(numbers, None)

    def get_versions(self, strategy: Strategy) -> int:
        return len(strategy.versions.all())


class VersionCreateSerializer(StrictSerializer):
    """Parameters of a candidate or a draft; those left out take their defaults."""

    params = serializers.DictField()
    note = serializers.CharField(max_length=200, allow_blank=True, default="")
    draft = serializers.BooleanField(default=False)


class DraftChangeSerializer(StrictSerializer):
    """Other parameters; those left out keep their values. `params_hash` is of what was read."""

    params = serializers.DictField(default=dict)
    note = serializers.CharField(max_length=200, allow_blank=True, required=False)
    params_hash = serializers.CharField(max_length=64, required=False, source="seen")
