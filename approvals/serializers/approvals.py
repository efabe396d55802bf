"""Shapes of approvals in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from approvals import services
from approvals.models import Approval, ApprovalDecision, ApprovalKind, ApprovalPolicy, OnExpiry
from config import clock
from config.api_fields import (
    ApiModelSerializer,
    ApiSerializer,
    Lowercase,
    PlainDecimal,
    StrictSerializer,
)
from strategies.models import Activation

KINDS = [value.lower() for value in ApprovalKind.values]
STATES = [value.lower() for value in Approval.State.values]
ENDS = [value.lower() for value in OnExpiry.values]


class SaidSerializer(ApiModelSerializer[ApprovalDecision]):
    """What one person said; `waived`: on their own request, by an administrator's waiver."""

    by = serializers.CharField(source="by.username")
    verdict = Lowercase(choices=["approve", "reject", "comment"])
    waived = serializers.SerializerMethodField()

    class Meta:
        model = ApprovalDecision
        fields = ("by", "verdict", "reason", "waived", "at")

    def get_waived(self, said: ApprovalDecision) -> bool:
        return said.waiver_id is not None


class ApprovalSerializer(ApiModelSerializer[Approval]):
    """A request with its deadline, digest and diff; `stale` says why it can't be approved now."""

    kind = Lowercase(choices=KINDS)
    state = Lowercase(choices=STATES)
    on_expiry = Lowercase(choices=ENDS)
    strategy = serializers.SerializerMethodField()
    version = serializers.IntegerField(source="version.number", default=None)
    base = serializers.SerializerMethodField()
    diff = serializers.SerializerMethodField()
    verdict = serializers.SerializerMethodField()
    simulation_id = serializers.IntegerField(allow_null=True)
    suggestion_id = serializers.IntegerField(allow_null=True)
    grant_id = serializers.IntegerField(allow_null=True)
    requested_by = serializers.SerializerMethodField()
    left_s = serializers.SerializerMethodField()
    stale = serializers.SerializerMethodField()
    decisions = SaidSerializer(many=True, read_only=True)

    class Meta:
        model = Approval
        fields = (
            "id",
            "kind",
            "about",
            "state",
            "strategy",
            "version",
            "base",
            "diff",
            "digest",
            "verdict",
            "simulation_id",
            "suggestion_id",
            "grant_id",
            "reason",
            "override_reason",
            "requested_by",
            "requested_at",
            "approvers",
            "step_up",
            "on_expiry",
            "expires_at",
            "due_at",
            "left_s",
            "stale",
            "decisions",
            "ended_at",
            "ended_reason",
        )

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_strategy(self, row: Approval) -> str | None:
        return row.version.strategy.name if row.version else None

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_base(self, row: Approval) -> int | None:
        base: int | None = row.subject.get("base")
        return base

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_diff(self, row: Approval) -> list[Any]:
        return list(row.subject.get("diff", []))

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_verdict(self, row: Approval) -> str | None:
        return row.simulation.verdict.lower() if row.simulation else None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_requested_by(self, row: Approval) -> str | None:
        return row.requested_by.get_username() if row.requested_by else None

    @extend_schema_field(serializers.FloatField(allow_null=True))
    def get_left_s(self, row: Approval) -> float | None:
        return max((row.due_at - clock.now()).total_seconds(), 0.0) if row.is_open else None

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_stale(self, row: Approval) -> list[str]:
        return services.reasons_against(row, now=clock.now()) if row.is_open else []


class DecideSerializer(StrictSerializer):
    """`digest` names what was read."""

    digest = serializers.CharField(max_length=64)
    reason = serializers.CharField(max_length=300, allow_blank=True, default="")


class WhySerializer(StrictSerializer):
    reason = serializers.CharField(max_length=300, allow_blank=True, default="")


class BotLimitsSerializer(StrictSerializer):
    """Knobs that would be looser, and why."""

    knobs = serializers.DictField()
    reason = serializers.CharField(min_length=3, max_length=300)


class AccountLimitsSerializer(StrictSerializer):
    """Limits of an account that would be looser; what isn't named stays."""

    symbols = serializers.ListField(
        child=serializers.CharField(max_length=30), max_length=50, required=False
    )
    max_order = PlainDecimal(required=False, min_value=0)
    max_exposure = PlainDecimal(required=False, min_value=0)
    reason = serializers.CharField(min_length=3, max_length=300)


class CommentSerializer(StrictSerializer):
    text = serializers.CharField(max_length=300)


class AskSerializer(StrictSerializer):
    """Why a version should become active; without `simulation_id` its newest finished one."""

    reason = serializers.CharField(min_length=3, max_length=300)
    simulation_id = serializers.IntegerField(min_value=1, max_value=2**53, required=False)
    override_reason = serializers.CharField(max_length=300, allow_blank=True, default="")


class ExpiredSerializer(ApiSerializer):
    """Ids of requests that ended now."""

    expired = serializers.ListField(child=serializers.IntegerField())


class ActivationSerializer(ApiModelSerializer[Activation]):
    """One change of a strategy's active version."""

    strategy = serializers.CharField(source="strategy.name")
    version = serializers.IntegerField(source="version.number")
    replaced = serializers.IntegerField(source="replaced.number", default=None)

    class Meta:
        model = Activation
        fields = ("strategy", "version", "replaced", "rollback", "at")


class PolicySerializer(ApiModelSerializer[ApprovalPolicy]):
    """How requests of a kind are decided."""

    kind = Lowercase(choices=KINDS)
    on_expiry = Lowercase(choices=ENDS)

    class Meta:
        model = ApprovalPolicy
        fields = (
            "kind",
            "deadline_s",
            "approvers",
            "step_up",
            "on_expiry",
            "allow_red",
            "changed_at",
        )


class PolicyChangeSerializer(StrictSerializer):
    """What is named is changed."""

    deadline_s = serializers.IntegerField(min_value=60, max_value=604_800, required=False)
    approvers = serializers.IntegerField(min_value=0, max_value=2, required=False)
    step_up = serializers.BooleanField(required=False)
    on_expiry = serializers.ChoiceField(choices=ENDS, required=False)
    allow_red = serializers.BooleanField(required=False)
