"""Channels of people, what they were told, and how each telling went."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q

from approvals import addresses
from approvals.outcomes import Outcome
from approvals.quiet import quiet_until
from approvals.topics import TITLES, Severity, Topic

URGENCIES = {
    Severity.INFO: "Everything",
    Severity.WARNING: "Warnings and what is critical",
    Severity.CRITICAL: "Only what is critical",
}
SEVERITIES = [(int(level), level.name.capitalize()) for level in Severity]


class Channel(models.Model):
    """A way to one person, or of the whole house: `user` is null, and the environment holds it."""

    class Kind(models.TextChoices):
        SLACK = addresses.SLACK, "Slack"
        TELEGRAM = addresses.TELEGRAM, "Telegram"
        EMAIL = addresses.EMAIL, "E-mail"
        WEBHOOK = addresses.WEBHOOK, "Webhook"
        PUSH = addresses.PUSH, "Browser push"

    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="channels")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=40)
    shown = models.CharField(max_length=200)  # where it leads, without what is secret
    sealed_address = models.TextField()
    enabled = models.BooleanField(default=True)
    # Its rule: what is at least so urgent, of these topics; no topic means all.
    min_severity = models.PositiveSmallIntegerField(choices=SEVERITIES, default=Severity.WARNING)
    topics = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField()
    tested_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)  # the newest success
    failing_since = models.DateTimeField(null=True)
    closed_until = models.DateTimeField(null=True)  # after a failure, until one tries it again
    problem = models.CharField(max_length=200, blank=True)
    removed_at = models.DateTimeField(null=True)  # its address is gone; the ledger keeps the row

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "name"], condition=Q(removed_at=None), name="channel_name_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_kind_display()})"

    def takes(self, topic: str, severity: int) -> bool:
        """Whether its rule lets something through."""
        return severity >= self.min_severity and (not self.topics or topic in self.topics)

    @property
    def urgency(self) -> str:
        """What it takes, for people."""
        return URGENCIES[Severity(self.min_severity)]

    @property
    def topic_titles(self) -> list[str]:
        return [TITLES[Topic(name)] for name in self.topics if name in TITLES]


class QuietHours(models.Model):
    """When a person wants to hear nothing; what comes then waits until they end."""

    user = models.OneToOneField(User, models.CASCADE, related_name="quiet_hours")
    zone = models.CharField(max_length=60, default="UTC")
    start = models.TimeField()
    end = models.TimeField()
    urgent_passes = models.BooleanField(default=True)  # what is critical comes at once

    class Meta:
        verbose_name_plural = "quiet hours"

    def __str__(self) -> str:
        return f"{self.start:%H:%M} to {self.end:%H:%M} {self.zone}"

    def until(self, now: datetime, severity: int) -> datetime | None:
        """Until when something that urgent waits; None if it doesn't."""
        if self.urgent_passes and severity >= Severity.CRITICAL:
            return None
        return quiet_until(now, zone=self.zone, start=self.start, end=self.end)


class Notification(models.Model):
    """One thing that people are told; what repeats within minutes is counted here, not told."""

    source = models.CharField(max_length=20)  # "audit", "test"
    source_ref = models.CharField(max_length=60)  # the event's number
    topic = models.CharField(
        max_length=12, choices=[(topic.value, TITLES[topic]) for topic in Topic]
    )
    severity = models.PositiveSmallIntegerField(choices=SEVERITIES)
    title = models.CharField(max_length=120)
    body = models.TextField(blank=True)
    key = models.CharField(max_length=160)  # what repeats has the same one
    at = models.DateTimeField(db_index=True)  # when it happened
    repeats = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()  # of the newest repeat

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["key", "at"], name="notification_key_at")]
        constraints = [
            models.UniqueConstraint(fields=["source", "source_ref"], name="notification_once"),
        ]

    def __str__(self) -> str:
        return self.title


class Delivery(models.Model):
    """One notification on its way through one channel: a row of the ledger."""

    class Status(models.TextChoices):
        QUEUED = "QUEUED"
        SENDING = "SENDING"
        SENT = "SENT"
        FAILED = "FAILED"

    notification = models.ForeignKey(Notification, models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="deliveries")
    status = models.CharField(max_length=8, choices=Status, default=Status.QUEUED)
    due_at = models.DateTimeField()  # not before
    claimed_until = models.DateTimeField(null=True)  # a worker is at it, unless it died
    attempts_made = models.PositiveSmallIntegerField(default=0)
    outcome = models.CharField(
        max_length=16, choices=[(code.value, code.value) for code in Outcome], blank=True
    )
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(status__in=("QUEUED", "SENDING")),
                name="delivery_open_due",
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["notification", "channel"], name="delivery_once"),
        ]

    def __str__(self) -> str:
        return f"{self.notification_id} through {self.channel_id}: {self.status}"


class Attempt(models.Model):
    """One try of a delivery, as it ended. Holds no address and no secret."""

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    outcome = models.CharField(max_length=16)
    status_code = models.PositiveSmallIntegerField(null=True)  # of the other side's answer
    took_ms = models.PositiveIntegerField()
    detail = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["delivery", "number"]

    def __str__(self) -> str:
        return f"{self.number}: {self.outcome}"


class FollowCursor(models.Model):
    """Up to where a source has been read."""

    source = models.CharField(max_length=20, primary_key=True)
    position = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.source} {self.position}"


class DeadMansSwitch(models.Model):
    """One row (id 1): how the last heartbeat to the outside went."""

    tried_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    withheld = models.CharField(max_length=200, blank=True)  # who shows no life
    outcome = models.CharField(max_length=16, blank=True)
    detail = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = "dead man's switch"

    def __str__(self) -> str:
        return self.withheld or self.outcome
