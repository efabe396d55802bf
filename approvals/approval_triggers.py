"""The database's own refusal to change what was asked or said, as SQL per vendor.

An approval keeps what it is bound to, moves only along its states, and is approved only with
enough decisions of different people. Laid after every migrate, because Django rebuilds SQLite
tables and drops their triggers.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

from approvals.approval_state import NEXT

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
# Who proposed it stands in the request; nobody decides on what is not open any more.
_FORGED = (
    f"NOT EXISTS (SELECT 1 FROM {TABLE} a WHERE a.id = NEW.approval_id"  # noqa: S608
    " AND (NEW.verdict = 'COMMENT' OR a.state = 'PENDING')"
    " AND (a.requested_by_id = NEW.proposer_id"
    " OR (a.requested_by_id IS NULL AND NEW.proposer_id IS NULL)))"
)


def _refuse(words: str) -> str:
    return f"BEGIN SELECT RAISE(ABORT, '{words}'); END"


def _changed(same: str) -> str:
    return " OR ".join(f"NOT (OLD.{name} {same} NEW.{name})" for name in _BOUND)


_SQLITE = {
    (TABLE, "approval_keeps"): (
        f"BEFORE UPDATE ON {TABLE} WHEN OLD.subject <> NEW.subject OR {_changed('IS')}"
        f" OR ({_STEP}) OR ({_PEOPLE}) {_refuse(_WORDS)}"
    ),
    (TABLE, "approval_stays"): f"BEFORE DELETE ON {TABLE} {_refuse(_WORDS)}",
    (DECISIONS, "decision_keeps"): f"BEFORE UPDATE ON {DECISIONS} {_refuse(_SAID)}",
    (DECISIONS, "decision_stays"): f"BEFORE DELETE ON {DECISIONS} {_refuse(_SAID)}",
    (DECISIONS, "decision_fits"): f"BEFORE INSERT ON {DECISIONS} WHEN {_FORGED} {_refuse(_SAID)}",
}
_RAISE = "RAISE EXCEPTION '{}' USING ERRCODE = 'check_violation';"
_FUNCTIONS = (
    f"""CREATE OR REPLACE FUNCTION approval_keeps() RETURNS trigger AS $$
    BEGIN
        IF OLD.subject::text <> NEW.subject::text OR {_changed("IS NOT DISTINCT FROM")}
            OR ({_STEP}) OR ({_PEOPLE})
        THEN {_RAISE.format(_WORDS)} END IF;
        RETURN NEW;
    END $$ LANGUAGE plpgsql""",
    f"""CREATE OR REPLACE FUNCTION approval_stays() RETURNS trigger AS $$
    BEGIN {_RAISE.format(_SAID)} END $$ LANGUAGE plpgsql""",
    f"""CREATE OR REPLACE FUNCTION decision_fits() RETURNS trigger AS $$
    BEGIN
        IF {_FORGED} THEN {_RAISE.format(_SAID)} END IF;
        RETURN NEW;
    END $$ LANGUAGE plpgsql""",
)
_ROW = "FOR EACH ROW EXECUTE FUNCTION"
_ALL = "FOR EACH STATEMENT EXECUTE FUNCTION"
_POSTGRES = {
    (TABLE, "approval_keeps"): f"BEFORE UPDATE ON {TABLE} {_ROW} approval_keeps()",
    (TABLE, "approval_stays"): f"BEFORE DELETE ON {TABLE} {_ROW} approval_stays()",
    (TABLE, "approval_whole"): f"BEFORE TRUNCATE ON {TABLE} {_ALL} approval_stays()",
    (DECISIONS, "decision_keeps"): (
        f"BEFORE UPDATE OR DELETE ON {DECISIONS} {_ROW} approval_stays()"
    ),
    (DECISIONS, "decision_fits"): f"BEFORE INSERT ON {DECISIONS} {_ROW} decision_fits()",
    (DECISIONS, "decision_whole"): f"BEFORE TRUNCATE ON {DECISIONS} {_ALL} approval_stays()",
}


def lay(connection: BaseDatabaseWrapper) -> None:
    """Lay all of them anew."""
    lift(connection)
    with connection.cursor() as cursor:
        for function in () if connection.vendor == "sqlite" else _FUNCTIONS:
            cursor.execute(function)
        for (_, name), statement in _wanted(connection).items():
            cursor.execute(f"CREATE TRIGGER {name} {statement}")


def lift(connection: BaseDatabaseWrapper) -> None:
    """Take them away."""
    with connection.cursor() as cursor:
        for table, name in _wanted(connection):
            on = "" if connection.vendor == "sqlite" else f" ON {table}"
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def _wanted(connection: BaseDatabaseWrapper) -> dict[tuple[str, str], str]:
    return _SQLITE if connection.vendor == "sqlite" else _POSTGRES
