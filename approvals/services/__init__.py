"""Every write of this room, a verb each."""

from approvals.services._analyst import list_models, make_analyst, test_model
from approvals.services._archive import known_models, opened_call
from approvals.services._calls import answer_of, ask_model, call_digest, prompt_of
from approvals.services._channels import (
    add_channel,
    change_channel,
    remove_channel,
    reseal_channels,
    sync_house_channels,
    test_channel,
)
from approvals.services._decisions import NEEDED, approve, comment, reject
from approvals.services._deliver import deliver
from approvals.services._demo import offer_demo
from approvals.services._expiry import check_approvals
from approvals.services._follow import follow
from approvals.services._going_live import approve_live, ask_live
from approvals.services._heartbeat import beat_outside
from approvals.services._ledger import prune_notifications, retry_delivery
from approvals.services._limiting import request_limits
from approvals.services._outlooks import measure_outlooks
from approvals.services._policies import change_policy, grant_waiver, revoke_waiver
from approvals.services._quiet import clear_quiet_hours, set_quiet_hours
from approvals.services._requests import request_activation, withdraw
from approvals.services._resuming import request_resume
from approvals.services._retiring import retire
from approvals.services._reviews import advance_reviews, start_review
from approvals.services._shadows import measure_shadows
from approvals.services._subjects import reasons_against
from approvals.services._suggestions import follow_decision, put_before_people
from approvals.services._uses import activate, roll_back

__all__ = [
    # Approvals
    "NEEDED",
    "activate",
    "approve",
    "approve_live",
    "ask_live",
    "change_policy",
    "check_approvals",
    "comment",
    "grant_waiver",
    "measure_outlooks",
    "offer_demo",
    "reasons_against",
    "reject",
    "request_activation",
    "request_limits",
    "request_resume",
    "retire",
    "revoke_waiver",
    "roll_back",
    "withdraw",
    # Reviews and suggestions
    "advance_reviews",
    "follow_decision",
    "measure_shadows",
    "put_before_people",
    "start_review",
    # Language models
    "answer_of",
    "ask_model",
    "call_digest",
    "known_models",
    "list_models",
    "make_analyst",
    "opened_call",
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
