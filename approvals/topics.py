"""What people are told of, how urgent it is, and in which words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Topic(StrEnum):
    """What a notification is about; channels choose by it."""

    SYSTEM = "system"
    MONEY = "money"
    RISK = "risk"
    ORDERS = "orders"
    BOTS = "bots"
    FINDINGS = "findings"
    RESEARCH = "research"
    APPROVALS = "approvals"
    SECURITY = "security"


class Severity(IntEnum):
    """A channel takes its own level and everything above."""

    INFO = 10
    WARNING = 20
    CRITICAL = 30


TITLES: dict[Topic, str] = {
    Topic.SYSTEM: "System and processes",
    Topic.MONEY: "Real money: accounts, grants",
    Topic.RISK: "Risk: drifts, protection, incidents",
    Topic.ORDERS: "Orders",
    Topic.BOTS: "Bots",
    Topic.FINDINGS: "Findings of agents",
    Topic.RESEARCH: "Simulations and searches",
    Topic.APPROVALS: "Approvals: requests, deadlines, versions",
    Topic.SECURITY: "People, tokens, channels",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What an audit action means to people."""

    topic: Topic
    severity: Severity
    title: str


_I, _W, _C = Severity.INFO, Severity.WARNING, Severity.CRITICAL

# One line each: topic, severity, action, title.
_KINDS = (
    (Topic.SYSTEM, _W, "system.paused", "System paused"),
    (Topic.SYSTEM, _W, "system.resumed", "System resumed"),
    (Topic.SYSTEM, _C, "system.emergency_stopped", "EMERGENCY STOP"),
    (Topic.SYSTEM, _C, "database.restored", "Database restored from a backup"),
    (Topic.SYSTEM, _I, "system.scheduler_started", "Scheduler started"),
    (Topic.SYSTEM, _W, "system.scheduler_stopped", "Scheduler stopped"),
    (Topic.SYSTEM, _I, "dead_letter.retried", "Dead letter retried"),
    (Topic.SYSTEM, _I, "dead_letter.discarded", "Dead letter discarded"),
    (Topic.SYSTEM, _W, "circuit.opened", "An exchange is left alone"),
    (Topic.SYSTEM, _I, "circuit.closed", "An exchange answers again"),
    (Topic.SYSTEM, _W, "feed.stale", "No fresh prices"),
    (Topic.SYSTEM, _I, "feed.recovered", "Prices are fresh again"),
    (Topic.SYSTEM, _W, "feed.interrupted", "An exchange's streams don't tell everything"),
    (Topic.SYSTEM, _I, "feed.resumed", "An exchange's streams tell everything again"),
    (Topic.SYSTEM, _W, "feed.taken_over", "A feed that stood by has taken over"),
    (Topic.SYSTEM, _I, "feed.restarted", "The feed was started anew"),
    (Topic.SYSTEM, _C, "process.silent", "A process shows no life"),
    (Topic.SYSTEM, _W, "process.alive", "A process is alive again"),
    (Topic.SYSTEM, _W, "channel.broken", "A notification channel is broken"),
    (Topic.MONEY, _W, "account.added", "Exchange account added"),
    (Topic.MONEY, _W, "account.enabled", "Exchange account switched on"),
    (Topic.MONEY, _W, "account.disabled", "Exchange account switched off"),
    (Topic.MONEY, _W, "account.key_replaced", "Exchange key replaced"),
    (Topic.MONEY, _W, "account.limits_set", "Account limits set"),
    (Topic.MONEY, _W, "account.removed", "Exchange account removed"),
    (Topic.MONEY, _I, "account.checked", "Exchange account checked"),
    (Topic.MONEY, _W, "account.clock_off", "An exchange's clock is off"),
    (Topic.MONEY, _I, "account.clock_right", "An exchange's clock is right again"),
    (Topic.MONEY, _W, "grant.asked", "Live grant asked for"),
    (Topic.MONEY, _W, "grant.approved", "Live grant approved"),
    (Topic.MONEY, _W, "grant.revoked", "Live grant revoked"),
    (Topic.MONEY, _W, "grant.superseded", "Live grant superseded"),
    (Topic.MONEY, _W, "grant.expired", "Live grant expired"),
    (Topic.MONEY, _W, "bot.went_live", "A bot spends real money"),
    (Topic.MONEY, _W, "bot.back_to_paper", "A bot is back on paper"),
    (Topic.RISK, _W, "bot.drifted", "A bot drifted from its simulation"),
    (Topic.RISK, _C, "verdict.contradicted", "Late evidence contradicts a verdict"),
    (Topic.RISK, _W, "incident.opened", "Books and exchange differ"),
    (Topic.RISK, _C, "incident.confirmed", "Books and exchange differ: blocked"),
    (Topic.RISK, _C, "incident.reopened", "A difference changed: blocked again"),
    (Topic.RISK, _I, "incident.cancel_asked", "Cancel of an orphan asked for"),
    (Topic.RISK, _I, "incident.acknowledged", "Difference acknowledged"),
    (Topic.RISK, _I, "incident.resolved", "Difference resolved"),
    (Topic.RISK, _I, "reconciliation.opened", "Opening balances written down"),
    (Topic.RISK, _C, "protection.lost", "A live position is unprotected"),
    (Topic.RISK, _I, "protection.restored", "A live position is protected again"),
    (Topic.ORDERS, _I, "order.filled", "Order filled"),
    (Topic.ORDERS, _I, "order.canceled", "Order canceled"),
    (Topic.ORDERS, _I, "order.denied", "Order denied by a rule"),
    (Topic.ORDERS, _W, "order.rejected", "Order rejected by the exchange"),
    (Topic.ORDERS, _W, "order.not_sent", "Order not sent"),
    (Topic.ORDERS, _W, "order.unknown", "Order without an answer"),
    (Topic.BOTS, _I, "bot.created", "Bot created"),
    (Topic.BOTS, _I, "bot.changed", "Bot changed"),
    (Topic.BOTS, _I, "bot.knobs_changed", "Bot's limits turned"),
    (Topic.BOTS, _I, "bot.started", "Bot started"),
    (Topic.BOTS, _I, "bot.stopped", "Bot stopped"),
    (Topic.BOTS, _I, "bot.finished", "Replay finished"),
    (Topic.FINDINGS, _I, "agent.changed", "Agent changed"),
    (Topic.RESEARCH, _I, "simulation.finished", "Simulation finished"),
    (Topic.RESEARCH, _I, "search.finished", "Search finished"),
    (Topic.RESEARCH, _I, "strategy_version.created", "New strategy version"),
    (Topic.RESEARCH, _I, "review.finished", "Review finished"),
    (Topic.RESEARCH, _I, "suggestion.refused", "A suggestion was refused by the gate"),
    (Topic.RESEARCH, _I, "suggestion.simulated", "A suggestion was simulated"),
    (Topic.RESEARCH, _W, "llm.failing", "The language model does not answer"),
    (Topic.APPROVALS, _W, "approval.requested", "An approval is asked for"),
    (Topic.APPROVALS, _W, "approval.half_over", "Half of an approval's time is over"),
    (Topic.APPROVALS, _C, "approval.nearly_over", "An approval expires soon"),
    (Topic.APPROVALS, _C, "approval.expired", "An approval expired undecided"),
    (Topic.APPROVALS, _W, "approval.lapsed", "An approval was not used in time"),
    (Topic.APPROVALS, _I, "approval.agreed", "One of two agreed"),
    (Topic.APPROVALS, _W, "approval.approved", "Approved"),
    (Topic.APPROVALS, _W, "approval.rejected", "Rejected"),
    (Topic.APPROVALS, _I, "approval.commented", "A comment on an approval"),
    (Topic.APPROVALS, _I, "approval.withdrawn", "A request was taken back"),
    (Topic.APPROVALS, _I, "approval.superseded", "A request was replaced"),
    (Topic.APPROVALS, _W, "strategy_version.activated", "A version is active"),
    (Topic.APPROVALS, _W, "strategy_version.rolled_back", "A version was rolled back"),
    (Topic.APPROVALS, _W, "approval_policy.changed", "An approval policy changed"),
    (Topic.APPROVALS, _W, "approval_waiver.granted", "People may decide on their own requests"),
    (Topic.APPROVALS, _I, "approval_waiver.revoked", "Nobody decides on their own request"),
    (Topic.BOTS, _I, "bot.version_taken", "A bot took the active version"),
    (Topic.SECURITY, _W, "user.created", "Person added"),
    (Topic.SECURITY, _I, "user.logged_in", "Signed in"),
    (Topic.SECURITY, _W, "user.login_failed", "Sign-in failed"),
    (Topic.SECURITY, _W, "user.code_refused", "Right password, wrong code"),
    (Topic.SECURITY, _W, "user.second_factor_set", "Second factor set up"),
    (Topic.SECURITY, _W, "user.second_factor_removed", "Second factor switched off"),
    (Topic.SECURITY, _C, "user.second_factor_reset", "Somebody's second factor was reset"),
    (Topic.SECURITY, _W, "user.recovery_code_used", "A recovery code was used"),
    (Topic.SECURITY, _W, "user.recovery_codes_renewed", "New recovery codes"),
    (Topic.SECURITY, _I, "user.sessions_ended", "Signed out elsewhere"),
    (Topic.SECURITY, _W, "token.created", "API token made"),
    (Topic.SECURITY, _I, "token.revoked", "API token revoked"),
    (Topic.SECURITY, _I, "audit.exported", "Audit log exported"),
    (Topic.SECURITY, _W, "channel.added", "Notification channel added"),
    (Topic.SECURITY, _I, "channel.changed", "Notification channel changed"),
    (Topic.SECURITY, _I, "channel.removed", "Notification channel removed"),
)
KINDS: dict[str, Kind] = {
    action: Kind(topic, severity, title) for topic, severity, action, title in _KINDS
}

# Steps on the way to something that is told, and what only its own author needs.
UNTOLD = frozenset(
    {
        "account.resealed",
        "approval.used",
        "strategy_version.approved",
        "strategy_version.changed",
        "strategy_version.deleted",
        "strategy_version.drafted",
        "strategy_version.proposed",
        "strategy_version.retired",
        "strategy_version.simulated",
        "strategy_version.unapproved",
        "agent.run_by_hand",
        "bot.cycle_run",
        "channel.resealed",
        "channel.tested",
        "delivery.retried",
        "job.canceled",
        "job.created",
        "llm.called",
        "llm.tested",
        "order.acknowledged",
        "order.claimed",
        "order.intended",
        "quiet_hours.set",
        "reconciliation.requested",
        "review.started",
        "search.resumed",
        "search.started",
        "simulation.started",
        "suggestion.made",
        "user.confirmed",
        "user.logged_out",
        "user.second_factor_resealed",
    }
)


def kind_of(action: str) -> Kind | None:
    """None for what nobody is told of. An action that nobody has sorted yet is told as it is."""
    if action in UNTOLD:
        return None
    known = KINDS.get(action)
    return known or Kind(Topic.SYSTEM, Severity.INFO, action.replace(".", " ").replace("_", " "))
