"""The database's own refusal to change what was asked or said, as SQL per vendor.

An approval keeps what it is bound to, moves only along its states, and is approved only with
enough decisions of different people.
"""

from __future__ import annotations

from approvals.approval_state import NEXT
from config.triggers import Function, TableTriggers, refuse

TABLE, DECISIONS = "approvals_approval", "approvals_approvaldecision"
_WORDS = "an approval keeps its subject and moves only along its states"
_SAID = "decisions of people are append-only"
_BOUND = (
    *("kind", "about", "digest", "version_id", "simulation_id", "suggestion_id", "grant_id"),
    *("requested_by_id", "requested_at", "approvers", "step_up", "on_expiry", "expires_at"),
)
_STEPS = ", ".join(f"'{old}>{new}'" for old, news in NEXT.items() for new in sorted(news))
_STEP = f"OLD.state <> NEW.state AND (OLD.state || '>' || NEW.state) NOT IN ({_STEPS})"
_PEOPLE = (
    "NEW.state = 'APPROVED' AND OLD.state <> 'APPROVED' AND NEW.approvers >"  # noqa: S608
    f" (SELECT COUNT(DISTINCT by_id) FROM {DECISIONS}"
    " WHERE approval_id = NEW.id AND verdict = 'APPROVE' AND digest = NEW.digest)"
)
# Who proposed it stands in the request; nobody decides on what is not open any more; a waiver is
# for versions, never for real money or for leaving a stop.
_FORGED = (
    f"NOT EXISTS (SELECT 1 FROM {TABLE} a WHERE a.id = NEW.approval_id"  # noqa: S608
    " AND (NEW.verdict = 'COMMENT' OR a.state = 'PENDING')"
    " AND (NEW.waiver_id IS NULL OR a.kind = 'ACTIVATION')"
    " AND (a.requested_by_id = NEW.proposer_id"
    " OR (a.requested_by_id IS NULL AND NEW.proposer_id IS NULL)))"
)


def _changed(same: str) -> str:
    return " OR ".join(f"NOT (OLD.{name} {same} NEW.{name})" for name in _BOUND)


_RAISE = "RAISE EXCEPTION '{}' USING ERRCODE = 'check_violation';"
_KEEPS = Function(
    "approval_keeps",
    f"""
    BEGIN
        IF OLD.subject::text <> NEW.subject::text OR {_changed("IS NOT DISTINCT FROM")}
            OR ({_STEP}) OR ({_PEOPLE})
        THEN {_RAISE.format(_WORDS)} END IF;
        RETURN NEW;
    END """,
)
_STAYS = Function("approval_stays", f"\n    BEGIN {_RAISE.format(_SAID)} END ")
_FITS = Function(
    "decision_fits",
    f"""
    BEGIN
        IF {_FORGED} THEN {_RAISE.format(_SAID)} END IF;
        RETURN NEW;
    END """,
)
_ROW = "FOR EACH ROW EXECUTE FUNCTION"
_ALL = "FOR EACH STATEMENT EXECUTE FUNCTION"

OF_APPROVALS = TableTriggers(
    table=TABLE,
    others=(DECISIONS,),
    promise=_WORDS,
    sqlite={
        "approval_keeps": (
            f"BEFORE UPDATE ON {TABLE} WHEN OLD.subject <> NEW.subject OR {_changed('IS')}"
            f" OR ({_STEP}) OR ({_PEOPLE}) {refuse(_WORDS)}"
        ),
        "approval_stays": f"BEFORE DELETE ON {TABLE} {refuse(_WORDS)}",
    },
    functions=(_KEEPS, _STAYS),
    postgresql={
        "approval_keeps": f"BEFORE UPDATE ON {TABLE} {_ROW} approval_keeps()",
        "approval_stays": f"BEFORE DELETE ON {TABLE} {_ROW} approval_stays()",
        "approval_whole": f"BEFORE TRUNCATE ON {TABLE} {_ALL} approval_stays()",
    },
)
OF_DECISIONS = TableTriggers(
    table=DECISIONS,
    others=(TABLE,),
    promise=_SAID,
    sqlite={
        "decision_keeps": f"BEFORE UPDATE ON {DECISIONS} {refuse(_SAID)}",
        "decision_stays": f"BEFORE DELETE ON {DECISIONS} {refuse(_SAID)}",
        "decision_fits": f"BEFORE INSERT ON {DECISIONS} WHEN {_FORGED} {refuse(_SAID)}",
    },
    functions=(_STAYS, _FITS),
    postgresql={
        "decision_keeps": f"BEFORE DELETE OR UPDATE ON {DECISIONS} {_ROW} approval_stays()",
        "decision_fits": f"BEFORE INSERT ON {DECISIONS} {_ROW} decision_fits()",
        "decision_whole": f"BEFORE TRUNCATE ON {DECISIONS} {_ALL} approval_stays()",
    },
)
