"""The nouns of this room, one file per subject."""

from approvals.models.approvals import (
    Approval,
    ApprovalDecision,
    ApprovalKind,
    ApprovalPolicy,
    ClockMove,
    MachineClock,
    OnExpiry,
    Waiver,
)
from approvals.models.calls import LlmCall, LlmCircuit, LlmMonth, LlmReservation
from approvals.models.notifications import (
    Attempt,
    Channel,
    DeadMansSwitch,
    Delivery,
    FollowCursor,
    Notification,
    QuietHours,
)
from approvals.models.outlooks import Outlook
from approvals.models.suggestions import Review, Shadow, Source, Suggestion

__all__ = [
    "Approval",
    "ApprovalDecision",
    "ApprovalKind",
    "ApprovalPolicy",
    "ClockMove",
    "MachineClock",
    "OnExpiry",
    "Waiver",
    "LlmCall",
    "LlmCircuit",
    "LlmMonth",
    "LlmReservation",
    "Outlook",
    "Review",
    "Shadow",
    "Source",
    "Suggestion",
    "Attempt",
    "Channel",
    "DeadMansSwitch",
    "Delivery",
    "FollowCursor",
    "Notification",
    "QuietHours",
]
