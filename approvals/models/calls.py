"""Calls of language models: what was reserved, what was spent, and the archive nobody changes."""

from __future__ import annotations

from django.db import models

from config.fields import ExactDecimalField


class LlmMonth(models.Model):
    """What one UTC month has cost, reserved calls included; US dollars."""

    month = models.CharField(max_length=7, unique=True)  # "2026-11"
    spent = ExactDecimalField(default=0)

    class Meta:
        ordering = ["-month"]

    def __str__(self) -> str:
        return f"{self.month}: {self.spent}"


class LlmReservation(models.Model):
    """Money put aside before a call. One whose process died stays HELD: it counts as spent."""

    class State(models.TextChoices):
        HELD = "HELD"
        SETTLED = "SETTLED"  # `cost` says what it came to
        RELEASED = "RELEASED"  # nothing had been sent

    month = models.ForeignKey(LlmMonth, models.PROTECT, related_name="reservations")
    state = models.CharField(max_length=8, choices=State, default=State.HELD)
    amount = ExactDecimalField()
    cost = ExactDecimalField(null=True)
    purpose = models.CharField(max_length=10)
    subject = models.CharField(max_length=80, blank=True)  # "review:7"
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["at"], condition=models.Q(state="HELD"), name="llm_reservation_held"
            )
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.state}"


class LlmCall(models.Model):
    """One call as it was, never changed: the database refuses it (`approvals.call_triggers`).

    Prompt and answer are sealed; their hashes are not, so that a copy can be compared.
    """

    class Purpose(models.TextChoices):
        REVIEW = "REVIEW", "Review"
        ANALYSIS = "ANALYSIS", "Findings"
        TEST = "TEST", "Test"

    class CostBasis(models.TextChoices):
        REPORTED = "REPORTED", "tokens as told"
        RESERVED = "RESERVED", "no tokens told: all that was put aside"
        NOTHING = "NOTHING", "nothing was sent"

    key = models.UUIDField(unique=True)  # what the seals are bound to
    reservation = models.OneToOneField(LlmReservation, models.PROTECT, related_name="call")
    at = models.DateTimeField(db_index=True)
    purpose = models.CharField(max_length=10, choices=Purpose)
    subject = models.CharField(max_length=80, blank=True, db_index=True)
    asked_by = models.CharField(max_length=150)
    provider = models.CharField(max_length=12)
    base_url = models.CharField(max_length=200)
    model = models.CharField(max_length=120)
    answered_model = models.CharField(max_length=120, blank=True)
    params = models.JSONField()  # temperature, most tokens, hash of the schema
    template = models.CharField(max_length=40)
    template_sha256 = models.CharField(max_length=64)
    prompt_sha256 = models.CharField(max_length=64)
    sealed_prompt = models.TextField()
    inputs = models.JSONField(default=dict)  # what the prompt was made of: ids and hashes
    answer_sha256 = models.CharField(max_length=64, blank=True)  # of the bytes that came
    sealed_answer = models.TextField(blank=True)
    verdict = models.CharField(max_length=24)  # "PASSED", or the code that it was refused with
    reason = models.CharField(max_length=200, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True)
    latency_ms = models.PositiveIntegerField()
    tokens_in = models.PositiveIntegerField(null=True)
    tokens_out = models.PositiveIntegerField(null=True)
    cost = ExactDecimalField()  # US dollars
    cost_basis = models.CharField(max_length=8, choices=CostBasis)
    correlation_id = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64)  # sha256 of the canonical JSON of all the rest

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.provider} {self.model} {self.verdict}"

    @property
    def passed(self) -> bool:
        return self.verdict == "PASSED"


class LlmCircuit(models.Model):
    """Whether a provider is asked at the moment; shared by all processes."""

    class State(models.TextChoices):
        CLOSED = "CLOSED"
        OPEN = "OPEN"
        HALF_OPEN = "HALF_OPEN"

    provider = models.CharField(max_length=12, primary_key=True)
    state = models.CharField(max_length=9, choices=State, default=State.CLOSED)
    failures = models.PositiveIntegerField(default=0)  # in a row
    retry_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    last_error = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"{self.provider} {self.state}"
