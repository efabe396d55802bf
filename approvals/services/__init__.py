"""Every write of this room, a verb each."""

from approvals.services._analyst import list_models, make_analyst, test_model
from approvals.services._calls import answer_of, ask_model, call_digest, prompt_of
from approvals.services._channels import (
    add_channel,
    change_channel,
    remove_channel,
    reseal_channels,
    sync_house_channels,
    test_channel,
)
from approvals.services._deliver import deliver
from approvals.services._follow import follow
from approvals.services._heartbeat import beat_outside
from approvals.services._ledger import prune_notifications, retry_delivery
from approvals.services._quiet import clear_quiet_hours, set_quiet_hours
from approvals.services._reviews import advance_reviews, start_review
from approvals.services._suggestions import follow_decision, put_before_people

__all__ = [
    # Reviews and suggestions
    "advance_reviews",
    "follow_decision",
    "put_before_people",
    "start_review",
    # Language models
    "answer_of",
    "ask_model",
    "call_digest",
    "list_models",
    "make_analyst",
    "prompt_of",
    "test_model",
    # Channels
    "add_channel",
    "change_channel",
    "remove_channel",
    "reseal_channels",
    "sync_house_channels",
    "test_channel",
    # Quiet hours
    "clear_quiet_hours",
    "set_quiet_hours",
    # From what happened to what is delivered
    "beat_outside",
    "deliver",
    "follow",
    "prune_notifications",
    "retry_delivery",
]
