"""Every verb of strategies. What is audited is audited by the caller above."""

from strategies.services._agents import (
    AgentResult,
    change_agent,
    claim_due_agents,
    run_agent,
    run_agents_without_database,
    sync_agents,
)
from strategies.services._drafts import change_draft, delete_draft, propose_version
from strategies.services._findings import store_waiting_findings
from strategies.services._life import (
    activate_version,
    approve_version,
    mark_simulated,
    retire_version,
    roll_back_version,
    unapprove_version,
)
from strategies.services._signals import claim_due_series, detect_signals, mark_signal_executed
from strategies.services._versions import create_version, sync_strategies

__all__ = [
    # versions
    "activate_version",
    "approve_version",
    "change_draft",
    "create_version",
    "delete_draft",
    "mark_simulated",
    "propose_version",
    "retire_version",
    "roll_back_version",
    "sync_strategies",
    "unapprove_version",
    # agents
    "AgentResult",
    "change_agent",
    "claim_due_agents",
    "run_agent",
    "run_agents_without_database",
    "sync_agents",
    # findings
    "store_waiting_findings",
    # signals
    "claim_due_series",
    "detect_signals",
    "mark_signal_executed",
]
