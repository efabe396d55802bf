"""What trading refuses, each with a stable code."""

from __future__ import annotations

from config.refusals import Conflict, NotFound, Refusal, Unavailable


class BotUnknown(NotFound):
    code = "BOT_UNKNOWN"


class BotInvalid(Refusal):
    code = "BOT_INVALID"
    status = 400


class KnobsInvalid(Refusal):
    code = "KNOBS_INVALID"


class SimulationUnknown(NotFound):
    code = "SIMULATION_UNKNOWN"


class SimulationInvalid(Refusal):
    code = "SIMULATION_INVALID"


class SimulationUnfinished(Conflict):
    """It has no report: still running, failed or canceled."""

    code = "SIMULATION_UNFINISHED"


class SearchUnknown(NotFound):
    code = "SEARCH_UNKNOWN"


class SearchInvalid(Refusal):
    code = "SEARCH_INVALID"


class SearchUnfinished(Conflict):
    code = "SEARCH_UNFINISHED"


class SearchNotStopped(Conflict):
    """It runs, or it has tried everything: there is nothing to take up again."""

    code = "SEARCH_NOT_STOPPED"


class NothingStored(Refusal):
    """Too few candles in the range."""

    code = "NOTHING_STORED"


class LiveNotGranted(Refusal):
    code = "LIVE_NOT_GRANTED"


class BotAlreadyRunning(Conflict):
    code = "BOT_ALREADY_RUNNING"


class BotNotRunning(Conflict):
    code = "BOT_NOT_RUNNING"


class BotBusy(Conflict):
    """Another worker holds the bot's lease."""

    code = "BOT_BUSY"


class LeaseLost(Exception):
    """Another worker took the bot over: nothing of this one's may be written."""


class NotReady(Conflict):
    code = "NOT_READY"


class SystemHalted(Conflict):
    code = "SYSTEM_HALTED"


class ReasonRequired(Refusal):
    code = "REASON_REQUIRED"
    status = 400


class ResumeNeedsApproval(Conflict):
    """The policy wants others to agree to leaving an emergency stop."""

    code = "RESUME_NEEDS_APPROVAL"


class LimitsNeedApproval(Conflict):
    """Limits of real money would be looser, and the policy wants others to agree.

    `fields` names each such limit as "before -> after".
    """

    code = "LIMITS_NEED_APPROVAL"


class ResumeNotAllowed(Refusal):
    code = "RESUME_NOT_ALLOWED"
    status = 403


class IntentUnknown(NotFound):
    code = "INTENT_UNKNOWN"


class IntentDenied(Refusal):
    """A risk rule said no; `fields["denial"]` holds the rule's code."""

    code = "INTENT_DENIED"


class OrderUnknown(NotFound):
    code = "ORDER_UNKNOWN"


class OrderNotOpen(Conflict):
    code = "ORDER_NOT_OPEN"


class GuardStands(Conflict):
    """What is to be sold is held by the position's stop at the exchange, for a moment yet."""

    code = "GUARD_STANDS"


class LiveModeOff(Refusal):
    """The setting TRADING_LIVE_MODE is off: nothing live is granted or sent."""

    code = "LIVE_MODE_OFF"


class GatesClosed(Conflict):
    """`fields["reasons"]` says what is missing, `fields["gates"]` names the gates."""

    code = "LIVE_GATES_CLOSED"


class GrantUnknown(NotFound):
    code = "GRANT_UNKNOWN"


class GrantInvalid(Refusal):
    code = "GRANT_INVALID"


class GrantNotOpen(Conflict):
    """It was approved, revoked or has expired: there is nothing to decide."""

    code = "GRANT_NOT_OPEN"


class GrantChanged(Conflict):
    """What was asked for is not what the bot is now."""

    code = "GRANT_CHANGED"


class OwnGrant(Refusal):
    """Who asks doesn't approve."""

    code = "OWN_GRANT"
    status = 403


class StepUpRequired(Refusal):
    """The person must prove who it is again: the last time was too long ago, or never."""

    code = "STEP_UP_REQUIRED"
    status = 403


class SecondFactorNeeded(Refusal):
    """AUTH_SECOND_FACTOR wants one of whoever does this, and this person has none yet."""

    code = "SECOND_FACTOR_NEEDED"
    status = 403


class SecondFactorInvalid(Refusal):
    """It can't be set up, or taken away, like this."""

    code = "SECOND_FACTOR_INVALID"


class SecondFactorMissing(Conflict):
    """There is none that could be renewed or taken away."""

    code = "SECOND_FACTOR_MISSING"


class PersonUnknown(NotFound):
    code = "PERSON_UNKNOWN"


class BotNotFlat(Conflict):
    """It runs, holds a position or has an order that may still fill."""

    code = "BOT_NOT_FLAT"


class BotIsLive(Conflict):
    code = "BOT_IS_LIVE"


class BotIsPaper(Conflict):
    code = "BOT_IS_PAPER"


class AccountInUse(Conflict):
    """Live orders or live bots still need it."""

    code = "ACCOUNT_IN_USE"


class AccountKeyBroken(Conflict):
    """What lies in the database can't be opened; replace the key."""

    code = "ACCOUNT_KEY_BROKEN"


class AccountUnknown(NotFound):
    code = "ACCOUNT_UNKNOWN"


class AccountInvalid(Refusal):
    code = "ACCOUNT_INVALID"


class AccountUnreachable(Unavailable):
    """The exchange didn't tell: no information, which is not the same as nothing."""

    code = "ACCOUNT_UNREACHABLE"


class BudgetSpent(AccountUnreachable):
    """Nobody was asked: our own share of what the exchange allows is used up for now."""


class IncidentUnknown(NotFound):
    code = "INCIDENT_UNKNOWN"


class IncidentNotOpen(Conflict):
    code = "INCIDENT_NOT_OPEN"


class IncidentUnconfirmed(Conflict):
    """Seen once only: it may be gone by the next cycle."""

    code = "INCIDENT_UNCONFIRMED"


class IncidentWithoutOrder(Conflict):
    """Nothing of ours works at the exchange that could be canceled."""

    code = "INCIDENT_WITHOUT_ORDER"


class JobUnknown(NotFound):
    code = "JOB_UNKNOWN"


class JobNotRunning(Conflict):
    code = "JOB_NOT_RUNNING"


class TokenUnknown(NotFound):
    code = "TOKEN_UNKNOWN"


class TokenInvalid(Refusal):
    code = "TOKEN_INVALID"
    status = 400
