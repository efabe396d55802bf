"""Reviews and the suggestions that came of them. None of it decides anything."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q

from approvals.models.calls import LlmCall
from strategies.models import Strategy, StrategyVersion
from trading.models import Job, Simulation
from trading.models.simulations import Stretch


class Source(models.TextChoices):
    """Who makes suggestions."""

    LLM = "LLM", "Language model"
    RULES = "RULES", "Advisor's rules"
    OPTIMISER = "OPTIMISER", "Optimiser"
    PERSON = "PERSON", "A person"


class Review(Stretch):
    """One run of the loop: ask, check, simulate, judge, again or on to people. Its job carries it.

    Its last part is out of sample: a model is shown nothing of it.
    """

    class Step(models.TextChoices):
        MEASURE = "MEASURE"  # the active version, in sample
        ASK = "ASK"
        SIMULATE = "SIMULATE"
        WAIT = "WAIT"  # for the simulation
        DONE = "DONE"

    job = models.OneToOneField(Job, models.CASCADE, related_name="review")
    strategy = models.ForeignKey(Strategy, models.PROTECT, related_name="reviews")
    base = models.ForeignKey(StrategyVersion, models.PROTECT, related_name="+")
    source = models.CharField(max_length=9, choices=Source)
    step = models.CharField(max_length=8, choices=Step, default=Step.MEASURE)
    round = models.PositiveSmallIntegerField(default=1)
    rounds = models.PositiveSmallIntegerField()
    asked = models.PositiveSmallIntegerField(default=0)  # begun calls of this round
    oos_share = models.FloatField(default=0.3)
    note = models.CharField(max_length=500, blank=True)  # a person's; text for the model, no order
    facts = models.JSONField(default=dict)  # what was measured, as the model sees it
    wanted = models.JSONField(default=list)  # parameters of the optimiser or a person, best first
    outcome = models.CharField(max_length=200, blank=True)
    # Not before; a worker that takes a step moves it on, so that a dead one's step is taken again.
    due_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["strategy", "-id"], name="review_of_strategy")]

    def __str__(self) -> str:
        return f"review {self.pk}"


class Suggestion(models.Model):
    """A change that somebody thinks of; it changes nothing by itself."""

    class State(models.TextChoices):
        REFUSED = "REFUSED", "Refused by the gate"
        GATED = "GATED", "Checked"
        SIMULATING = "SIMULATING", "Simulating"
        SIMULATED = "SIMULATED", "Simulated"
        PENDING = "PENDING", "Waits for people"
        APPROVED = "APPROVED", "Approved"
        REJECTED = "REJECTED", "Rejected"
        EXPIRED = "EXPIRED", "Expired"
        WITHDRAWN = "WITHDRAWN", "Withdrawn"
        SUPERSEDED = "SUPERSEDED", "Superseded"

    strategy = models.ForeignKey(Strategy, models.PROTECT, related_name="suggestions")
    base = models.ForeignKey(StrategyVersion, models.PROTECT, related_name="+")
    review = models.ForeignKey(Review, models.PROTECT, null=True, related_name="suggestions")
    source = models.CharField(max_length=9, choices=Source)
    state = models.CharField(max_length=10, choices=State, db_index=True)
    round = models.PositiveSmallIntegerField(default=1)
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="children")
    deltas = models.JSONField(default=list)  # [{"param", "from", "to"}]
    rationale = models.TextField(blank=True)
    confidence = models.FloatField(null=True)  # 0..1; the model's own word
    risks = models.JSONField(default=list)
    expected_effect = models.CharField(max_length=500, blank=True)
    claims = models.JSONField(default=list)  # [{"field", "text", "start", "end", "by"}]
    refused_code = models.CharField(max_length=24, blank=True)
    refused_reason = models.CharField(max_length=200, blank=True)
    version = models.ForeignKey(StrategyVersion, models.PROTECT, null=True, related_name="+")
    simulation = models.ForeignKey(Simulation, models.PROTECT, null=True, related_name="+")
    call = models.ForeignKey(LlmCall, models.PROTECT, null=True, related_name="suggestions")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["strategy", "-id"], name="suggestion_of_strategy")]
        constraints = [
            # What people see has been simulated: no other way leads to them.
            models.CheckConstraint(
                condition=~Q(state__in=("PENDING", "APPROVED", "REJECTED", "EXPIRED"))
                | Q(version__isnull=False, simulation__isnull=False),
                name="suggestion_proven_before_people",
            ),
            models.CheckConstraint(
                condition=~Q(state="REFUSED") | Q(version=None, simulation=None),
                name="refused_suggestion_has_no_version",
            ),
            models.UniqueConstraint(
                fields=["review", "round"],
                condition=~Q(state="REFUSED"),
                name="one_suggestion_per_round",
            ),
        ]

    def __str__(self) -> str:
        return f"suggestion {self.pk}"

    @property
    def unsupported(self) -> int:
        """Numbers of its texts that nothing stored supports."""
        return sum(1 for claim in self.claims if not claim["by"])


class Shadow(models.Model):
    """What became of a suggestion that people decided on: both versions simulated since then."""

    suggestion = models.OneToOneField(Suggestion, models.CASCADE, related_name="shadow")
    from_ms = models.BigIntegerField()
    to_ms = models.BigIntegerField()
    candidate_return = models.FloatField()  # fraction
    base_return = models.FloatField()
    measured_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.suggestion_id}: {self.edge:+.4f}"

    @property
    def edge(self) -> float:
        """Return of the candidate less that of the version before; a fraction."""
        return self.candidate_return - self.base_return
