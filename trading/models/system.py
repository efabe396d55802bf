"""The one switch over everything, who asked for it, and who is alive."""

from __future__ import annotations

from typing import Final

from django.db import models

from trading.watching import Standing


class SystemState(models.Model):
    """One row (id 1). `epoch` grows at each stop; intents of an older epoch are denied."""

    class State(models.TextChoices):
        RUNNING = "RUNNING"
        PAUSED = "PAUSED"
        EMERGENCY_STOP = "EMERGENCY_STOP"

    state = models.CharField(max_length=16, choices=State, default=State.RUNNING)
    epoch = models.PositiveIntegerField(default=1)
    scheduler_on = models.BooleanField(default=True)
    # Other people who must agree to leaving EMERGENCY_STOP: the policy of approvals says so.
    resume_needs = models.PositiveSmallIntegerField(default=0)
    # The same for looser limits of real money.
    limits_need = models.PositiveSmallIntegerField(default=1)
    reason = models.CharField(max_length=200, blank=True)
    changed_by = models.CharField(max_length=150, blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="system_state_is_one_row"),
        ]
        permissions = [
            ("view_console", "Look at the console"),
            ("operate_bots", "Start, stop and change bots, place paper orders"),
            ("emergency_stop", "Stop everything"),
            ("approve_live", "Let a bot trade with real money, when somebody else asked for it"),
            ("administer", "Resume after an emergency stop, verify the audit log"),
        ]

    def __str__(self) -> str:
        return self.state


class HaltRequest(models.Model):
    """Written first and without a lock, so that a stop never waits behind claims."""

    reason = models.CharField(max_length=200)
    requested_by = models.CharField(max_length=150)
    at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["at"], condition=models.Q(lifted_at=None), name="halt_request_standing"
            )
        ]

    def __str__(self) -> str:
        return self.reason


class Heartbeat(models.Model):
    """When a process last showed that it works."""

    process = models.CharField(max_length=20, primary_key=True)  # web, worker, beat, feed
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.process} {self.at:%H:%M:%S}"


class Watchpoint(models.Model):
    """What people were last told of one thing that may fail; what is well and untold has no row.

    Subjects: "circuit:binance", "feed:binance" (its prices), "symbol:7", "process:beat", and
    "feed_lease", where `told` is the holder that people know of.
    """

    TOLD: Final = "FAILED"

    subject = models.CharField(max_length=60, primary_key=True)
    wrong_since = models.DateTimeField(null=True)
    well_since = models.DateTimeField(null=True)
    told = models.CharField(max_length=80, blank=True)

    def __str__(self) -> str:
        return f"{self.subject} {self.told}"

    @property
    def standing(self) -> Standing:
        return Standing(self.wrong_since, self.well_since, self.told == self.TOLD)
