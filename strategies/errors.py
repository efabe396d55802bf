"""What strategies refuse, each with a stable code."""

from __future__ import annotations

from config.refusals import Conflict, NotFound, Refusal


class StrategyUnknown(NotFound):
    code = "STRATEGY_UNKNOWN"


class VersionUnknown(NotFound):
    code = "STRATEGY_VERSION_UNKNOWN"


class ParamsInvalid(Refusal):
    """`fields` says which parameter is wrong and why."""

    code = "STRATEGY_PARAMS_INVALID"


class VersionCorrupt(Conflict):
    """A version's parameters are not the ones its hash was taken over: the row was edited."""

    code = "STRATEGY_VERSION_CORRUPT"


class VersionStateWrong(Conflict):
    """It isn't in the state that this step starts from; somebody else may have been faster."""

    code = "STRATEGY_VERSION_STATE_WRONG"


class VersionExists(Conflict):
    """Another version has these parameters; `fields["version"]` is its number."""

    code = "STRATEGY_VERSION_EXISTS"


class DraftChanged(Conflict):
    """Somebody else changed the draft since it was read."""

    code = "STRATEGY_DRAFT_CHANGED"


class NothingToRollBack(Conflict):
    """No version was replaced, or it was brought back already: a rollback is one step."""

    code = "STRATEGY_NOTHING_TO_ROLL_BACK"


class AgentUnknown(NotFound):
    code = "AGENT_UNKNOWN"


class AgentParamsInvalid(Refusal):
    """`fields` says which parameter is wrong and why."""

    code = "AGENT_PARAMS_INVALID"


class AgentBusy(Conflict):
    """It runs at this moment; what it finds will be there soon."""

    code = "AGENT_BUSY"
