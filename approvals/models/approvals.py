"""Requests that people decide on, their decisions, and the policies behind both."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.contrib.auth.models import User
from django.db import models
from django.db.models import F, Q

from approvals.approval_state import OPEN
from approvals.models.suggestions import Suggestion
from strategies.models import StrategyVersion
from trading.models import LiveGrant, Simulation


class ApprovalKind(models.TextChoices):
    """What is asked for."""

    ACTIVATION = "ACTIVATION", "Activation of a version"
    GO_LIVE = "GO_LIVE", "Real money for a bot"
    RESUME = "RESUME", "Leaving an emergency stop"
    LIMITS = "LIMITS", "Looser limits of real money"


class OnExpiry(models.TextChoices):
    """What follows when nobody decides in time."""

    STOP = "STOP", "Emergency stop"
    NOTHING = "NOTHING", "Nothing"


class ApprovalPolicy(models.Model):
    """How requests of one kind are decided. Without a row the kind's default holds."""

    kind = models.CharField(max_length=10, choices=ApprovalKind, unique=True)
    deadline_s = models.PositiveIntegerField()
    approvers = models.PositiveSmallIntegerField(default=1)  # different people who must agree
    step_up = models.BooleanField(default=False)  # they give their password again
    on_expiry = models.CharField(max_length=7, choices=OnExpiry, default=OnExpiry.NOTHING)
    allow_red = models.BooleanField(default=False)  # a red verdict may be asked for, with a reason
    changed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["kind"]
        verbose_name_plural = "approval policies"
        permissions = [("approve", "Decide on requests of others, activate, roll back")]
        constraints = [
            models.CheckConstraint(
                condition=Q(approvers__lte=2)
                & (Q(approvers__gte=1) | Q(kind__in=("RESUME", "LIMITS"))),
                name="policy_one_or_two_approvers",
            ),
            models.CheckConstraint(
                condition=Q(deadline_s__gte=60), name="policy_deadline_a_minute"
            ),
        ]

    def __str__(self) -> str:
        return self.kind


class Approval(models.Model):
    """A request with a digest and a deadline. It is used once, or it ends unused.

    What it is bound to never changes, and it only moves along its states: the database refuses
    the rest (`approvals.approval_triggers`).
    """

    class State(models.TextChoices):
        PENDING = "PENDING", "Waits for people"
        APPROVED = "APPROVED", "Approved"
        USED = "USED", "Used"
        REJECTED = "REJECTED", "Rejected"
        EXPIRED = "EXPIRED", "Expired"
        WITHDRAWN = "WITHDRAWN", "Withdrawn"
        SUPERSEDED = "SUPERSEDED", "Superseded"

    Kind: Final = ApprovalKind

    kind = models.CharField(max_length=10, choices=ApprovalKind)
    about = models.CharField(max_length=60)  # "strategy:trend_ema", "bot:7": one open at a time
    state = models.CharField(max_length=10, choices=State, default=State.PENDING, db_index=True)
    subject = models.JSONField()  # what the digest is taken over
    digest = models.CharField(max_length=64, unique=True)
    version = models.ForeignKey(StrategyVersion, models.PROTECT, null=True, related_name="+")
    simulation = models.ForeignKey(Simulation, models.PROTECT, null=True, related_name="+")
    suggestion = models.ForeignKey(Suggestion, models.PROTECT, null=True, related_name="approvals")
    grant = models.OneToOneField(LiveGrant, models.PROTECT, null=True, related_name="approval")
    reason = models.CharField(max_length=300, blank=True)
    override_reason = models.CharField(max_length=300, blank=True)  # why in spite of a red verdict
    requested_by = models.ForeignKey(  # null: the advisor, which never decides
        User, models.PROTECT, null=True, related_name="+"
    )
    requested_at = models.DateTimeField()
    # The policy as it was when this was asked for.
    approvers = models.PositiveSmallIntegerField(default=1)
    step_up = models.BooleanField(default=False)
    on_expiry = models.CharField(max_length=7, choices=OnExpiry)
    expires_at = models.DateTimeField()  # as it was asked for
    # When it ends on the wall clock: moved when that clock was set; for its use once approved.
    due_at = models.DateTimeField(db_index=True)
    reminded = models.PositiveSmallIntegerField(default=0)  # per cent of its life, last told
    ended_at = models.DateTimeField(null=True)  # used, rejected, expired, ...
    ended_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    ended_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "about"],
                condition=Q(state__in=sorted(OPEN)),
                name="one_open_approval_per_subject",
            ),
            models.CheckConstraint(
                condition=Q(approvers__gte=1, approvers__lte=2),
                name="approval_one_or_two_approvers",
            ),
            models.CheckConstraint(
                condition=~Q(kind="ACTIVATION")
                | Q(version__isnull=False, simulation__isnull=False),
                name="activation_has_evidence",
            ),
            models.CheckConstraint(
                condition=~Q(kind="GO_LIVE") | Q(grant__isnull=False), name="going_live_has_grant"
            ),
            models.CheckConstraint(
                condition=~Q(kind="LIMITS")
                | Q(requested_by__isnull=False, step_up=True, on_expiry="NOTHING"),
                name="limits_asked_by_a_person",
            ),
        ]

    def __str__(self) -> str:
        return f"approval {self.pk}"

    @property
    def is_pending(self) -> bool:
        return self.state == Approval.State.PENDING

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def stops(self) -> bool:
        """Whether its silent end stops everything."""
        return self.on_expiry == OnExpiry.STOP

    def is_over(self, now: datetime) -> bool:
        """Whether its time is over, told or not."""
        return self.is_open and self.due_at <= now


class Waiver(models.Model):
    """An administrator lets people decide on their own requests for a while. Shown to everybody.

    Never for real money.
    """

    reason = models.CharField(max_length=300)
    granted_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"until {self.expires_at:%Y-%m-%d %H:%M}"


class ApprovalDecision(models.Model):
    """What one person said, never changed."""

    class Verdict(models.TextChoices):
        APPROVE = "APPROVE", "Approved"
        REJECT = "REJECT", "Rejected"
        COMMENT = "COMMENT", "Comment"

    approval = models.ForeignKey(Approval, models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=7, choices=Verdict)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    proposer = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+"
    )  # of the request
    waiver = models.ForeignKey(Waiver, models.PROTECT, null=True, related_name="decisions")
    digest = models.CharField(max_length=64)  # of what this person has read
    reason = models.CharField(max_length=300, blank=True)
    via = models.CharField(max_length=80, blank=True)  # session or token
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["approval", "by"],
                condition=Q(verdict__in=("APPROVE", "REJECT")),
                name="one_decision_per_person",
            ),
            models.CheckConstraint(
                condition=Q(proposer=None)
                | ~Q(by=F("proposer"))
                | Q(waiver__isnull=False)
                | Q(verdict="COMMENT"),
                name="nobody_decides_their_own",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.by_id} {self.verdict}"


class MachineClock(models.Model):
    """Where a machine's wall clock stood against its monotonic one, since its start."""

    boot = models.CharField(max_length=64, unique=True)
    apart_ms = models.BigIntegerField()

    def __str__(self) -> str:
        return self.boot


class ClockMove(models.Model):
    """The last time that somebody set a wall clock: deadlines were moved with it once."""

    at = models.DateTimeField(null=True)  # on the clock as it was set
    by_ms = models.FloatField(default=0)

    def __str__(self) -> str:
        return f"{self.by_ms:+.0f} ms"
