"""What this room refuses, each with a stable code."""

from __future__ import annotations

from config.refusals import Conflict, NotFound, Refusal, Unavailable


class ChannelUnknown(NotFound):
    code = "CHANNEL_UNKNOWN"


class ChannelInvalid(Refusal):
    code = "CHANNEL_INVALID"
    status = 400


class ChannelFixed(Conflict):
    """It comes from the environment: change it there."""

    code = "CHANNEL_FIXED"


class ChannelTestedJustNow(Conflict):
    code = "CHANNEL_TESTED_JUST_NOW"


class QuietHoursInvalid(Refusal):
    code = "QUIET_HOURS_INVALID"
    status = 400


class DeliveryUnknown(NotFound):
    code = "DELIVERY_UNKNOWN"


class DeliveryUnderWay(Conflict):
    """Only what has failed can be sent again."""

    code = "DELIVERY_UNDER_WAY"


class LlmOff(Conflict):
    """No language model is set up."""

    code = "LLM_OFF"


class LlmPriceUnknown(Conflict):
    """Nobody said what a token costs."""

    code = "LLM_PRICE_UNKNOWN"


class LlmBudgetSpent(Conflict):
    """The call might cost more than is left."""

    code = "LLM_BUDGET_SPENT"


class LlmLeftAlone(Unavailable):
    """Its circuit is open after failures."""

    code = "LLM_LEFT_ALONE"


class LlmFailed(Unavailable):
    """The model's server gave no list of models."""

    code = "LLM_FAILED"


class LlmCallUnknown(NotFound):
    code = "LLM_CALL_UNKNOWN"


class ReviewInvalid(Refusal):
    code = "REVIEW_INVALID"
    status = 400


class ReviewUnknown(NotFound):
    code = "REVIEW_UNKNOWN"


class SuggestionUnknown(NotFound):
    code = "SUGGESTION_UNKNOWN"


class ApprovalUnknown(NotFound):
    code = "APPROVAL_UNKNOWN"


class ApprovalInvalid(Refusal):
    """`fields` says what is missing."""

    code = "APPROVAL_INVALID"
    status = 400


class ApprovalNotOpen(Conflict):
    """It was decided, used, withdrawn or replaced already."""

    code = "APPROVAL_NOT_OPEN"


class ApprovalExpired(Conflict):
    """Its time is over: what follows is its policy's."""

    code = "APPROVAL_EXPIRED"


class ApprovalChanged(Conflict):
    """What was asked for is not what is there now, or the digest is of something else."""

    code = "APPROVAL_CHANGED"


class EvidenceStale(Conflict):
    """`fields["reasons"]` lists what changed since the simulation."""

    code = "EVIDENCE_STALE"


class EvidenceRed(Conflict):
    """A red verdict may not be asked for, unless the policy says so and somebody says why."""

    code = "EVIDENCE_RED"


class OwnApproval(Refusal):
    """Who asked may not decide."""

    code = "OWN_APPROVAL"
    status = 403


class ApproverNotAllowed(Refusal):
    """Only people who hold the permission decide; a model or a task never does."""

    code = "APPROVER_NOT_ALLOWED"
    status = 403


class AlreadyDecided(Conflict):
    """One decision for each person."""

    code = "ALREADY_DECIDED"


class PolicyInvalid(Refusal):
    code = "POLICY_INVALID"
    status = 400


class WaiverInvalid(Refusal):
    code = "WAIVER_INVALID"
    status = 400
