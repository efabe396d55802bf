"""The tamper-evident log, and the memory that makes repeated writes answer the same."""

from __future__ import annotations

from django.db import models


class AuditEvent(models.Model):
    """One thing that happened. Append-only by trigger; `hash` chains, `mac` needs the key."""

    class ActorKind(models.TextChoices):
        HUMAN = "human"
        SYSTEM = "system"
        AI = "ai"

    seq = models.BigIntegerField(unique=True)
    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=150)  # username, or the process for "system"
    actor_kind = models.CharField(max_length=6, choices=ActorKind)
    action = models.CharField(max_length=60, db_index=True)  # "bot.stopped"
    subject = models.CharField(max_length=80, db_index=True)  # "bot:7"
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.CharField(max_length=200, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True, db_index=True)
    prev_hash = models.CharField(max_length=64, unique=True)  # unique: the chain can't fork
    hash = models.CharField(max_length=64, unique=True)
    mac = models.CharField(max_length=64)

    class Meta:
        ordering = ["-seq"]

    def __str__(self) -> str:
        return f"{self.seq} {self.action} {self.subject}"


class IdempotencyKey(models.Model):
    """The first answer to a write with this key; a repeat gets it again."""

    user = models.ForeignKey("auth.User", models.CASCADE, related_name="+")
    key = models.CharField(max_length=80)
    request_hash = models.CharField(max_length=64)
    response_status = models.PositiveSmallIntegerField(null=True)  # null: still running
    response_body = models.TextField(blank=True)
    locked_until = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once"),
        ]

    def __str__(self) -> str:
        return self.key
