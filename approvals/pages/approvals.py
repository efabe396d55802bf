"""What the pages of approvals show, gathered for pages and API alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

from django.contrib.auth.models import User

from approvals import queries, services
from approvals.forms.approvals import CommentForm, DecisionForm, PolicyForm, WaiverForm
from approvals.models import Approval, ApprovalKind, Waiver
from approvals.pages.evidence import concerned_by, may_read_texts, proof_of, said_of
from approvals.pages.limits import limits_context
from config import clock
from strategies import queries as strategy_queries
from strategies import registry
from trading import queries as trading_queries
from trading.models import SystemState
from trading.services import evidence_reasons

ENDED_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Queued:
    """A request in the queue, with its evidence as it is now."""

    row: Approval
    reasons: list[str]
    own: bool

    @property
    def light(self) -> str:
        """GREEN, AMBER, RED as judged; STALE when it proves nothing any more; "" without any."""
        if self.row.simulation is None:
            return ""
        return "STALE" if self.reasons else self.row.simulation.verdict


def queue_context(user: User) -> dict[str, Any]:
    """What waits, and what became of the rest."""
    now = clock.now()
    return {
        "now": now,
        "queue": [queued(row, user, now) for row in queries.open_approvals()],
        "stopped": stopped(),
        "ended": cache(partial(_ended)),
        **waiver_context(now),
    }


def stopped() -> SystemState | None:
    """The system's row while it is stopped and others must agree to its going on."""
    state = trading_queries.system_state()
    halted = state.state == SystemState.State.EMERGENCY_STOP
    return state if halted and state.resume_needs else None


def waiver_context(now: datetime) -> dict[str, Any]:
    waiver: Waiver | None = queries.standing_waiver(now)
    return {"waiver": waiver, "waiver_form": WaiverForm()}


def queued(row: Approval, user: User, now: datetime) -> Queued:
    reasons = services.reasons_against(row, now=now) if row.is_open else []
    return Queued(row, reasons, row.requested_by_id == user.pk)


def detail_context(approval_id: int, user: User) -> dict[str, Any]:
    """One request with everything that a person should read before deciding."""
    row, now = queries.approval(approval_id), clock.now()
    item = queued(row, user, now)
    permission = services.NEEDED[ApprovalKind(row.kind)]
    said = row.decisions.select_related("by", "waiver")
    waiver = queries.standing_waiver(now) if row.kind == ApprovalKind.ACTIVATION else None
    return {
        "now": now,
        "item": item,
        "row": row,
        "diff": diff_of(row),
        "proof": cache(partial(proof_of, row.simulation)),
        "concerned": cache(partial(concerned_by, row.version, now)),
        "told": cache(partial(said_of, row, with_texts=may_read_texts(user))),
        **limits_context(row, now),
        "decisions": list(said),
        "agreed": said.filter(verdict="APPROVE").count(),
        "may_decide": row.is_pending and user.has_perm(permission),
        "barred": item.own and waiver is None,
        "waiver": waiver,
        "form": DecisionForm(initial={"digest": row.digest}),
        "comment_form": CommentForm(),
    }


def diff_of(row: Approval) -> list[dict[str, Any]]:
    """The stored diff with titles and units of today's form."""
    if row.version is None:
        return []
    properties = registry.get(row.version.strategy.name).schema()["properties"]
    return [
        {
            "title": properties.get(change["param"], {}).get("title", change["param"]),
            "unit": properties.get(change["param"], {}).get("unit", ""),
            "before": change["from"],
            "after": change["to"],
        }
        for change in row.subject.get("diff", [])
    ]


def _ended() -> list[Approval]:
    rows = queries.approvals().exclude(pk__in=queries.open_approvals().values("pk"))
    return list(rows[:ENDED_SHOWN])


def request_context(name: str, number: int) -> dict[str, Any]:
    """A version whose activation somebody may ask for, with its newest evidence."""
    version = strategy_queries.version_numbered(name, number)
    active, now = strategy_queries.active_version(name), clock.now()
    simulation = trading_queries.last_verdicts([version]).get(version.pk)
    reasons = evidence_reasons(simulation, now=now) if simulation else []
    return {
        "version": version,
        "active": active,
        "simulation": simulation,
        "reasons": reasons,
        "changes": strategy_queries.version_diff(active, version),
        "proof": cache(partial(proof_of, simulation)),
        "policy": queries.policy_of(ApprovalKind.ACTIVATION),
        "older": queries.open_approvals().filter(about=f"strategy:{name}").first(),
    }


def policies_context() -> dict[str, Any]:
    """Each policy with its form."""
    rows = [(policy, PolicyForm.of(policy)) for policy in queries.policies()]
    return {"rows": rows, **waiver_context(clock.now())}
