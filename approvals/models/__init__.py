"""The nouns of this room, one file per subject."""

from approvals.models.notifications import (
    Attempt,
    Channel,
    DeadMansSwitch,
    Delivery,
    FollowCursor,
    Notification,
    QuietHours,
)

__all__ = [
    "Attempt",
    "Channel",
    "DeadMansSwitch",
    "Delivery",
    "FollowCursor",
    "Notification",
    "QuietHours",
]
