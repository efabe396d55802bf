"""The database's own refusal of changed parameters and of steps that no version takes, as SQL.

Laid after every migrate, because Django rebuilds SQLite tables and drops their triggers.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

from strategies.version_state import NEXT

TABLE = "strategies_strategyversion"
_WORDS = "a version keeps its parameters and moves only along its states"
_REFUSE = f"BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END"
_KEPT = ("strategy_id", "number", "created_at")
_CONTENT = ("params_hash", "code_hash")  # and params: what a draft may change until it is proposed

_STEPS = ", ".join(f"'{old}>{new}'" for old, news in NEXT.items() for new in sorted(news))
_STEP_IS_WRONG = f"OLD.state <> NEW.state AND (OLD.state || '>' || NEW.state) NOT IN ({_STEPS})"
_OTHER = " OR ".join(f"OLD.{name} <> NEW.{name}" for name in _KEPT)
_OTHER_CONTENT = " OR ".join(f"OLD.{name} <> NEW.{name}" for name in _CONTENT)
_NO_DRAFT = "(OLD.state <> 'DRAFT' OR NEW.state <> 'DRAFT')"

_SQLITE = {
    "version_content_stays": (
        f"CREATE TRIGGER version_content_stays BEFORE UPDATE ON {TABLE}"
        f" WHEN {_OTHER} OR {_NO_DRAFT} AND (OLD.params <> NEW.params OR {_OTHER_CONTENT})"
        f" {_REFUSE}"
    ),
    "version_steps": (
        f"CREATE TRIGGER version_steps BEFORE UPDATE ON {TABLE} WHEN {_STEP_IS_WRONG} {_REFUSE}"
    ),
}
_POSTGRES_FUNCTION = f"""CREATE OR REPLACE FUNCTION version_keeps_its_word() RETURNS trigger AS $$
    BEGIN
        IF {_OTHER} OR ({_STEP_IS_WRONG})
            OR {_NO_DRAFT} AND (OLD.params::text <> NEW.params::text OR {_OTHER_CONTENT}) THEN
            RAISE EXCEPTION '{_WORDS}' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END $$ LANGUAGE plpgsql"""
_POSTGRES = {
    "version_keeps_its_word": f"""CREATE TRIGGER version_keeps_its_word BEFORE UPDATE ON {TABLE}
        FOR EACH ROW EXECUTE FUNCTION version_keeps_its_word()""",
}


def lay(connection: BaseDatabaseWrapper) -> None:
    """Lay all of them anew."""
    lift(connection)
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            cursor.execute(_POSTGRES_FUNCTION)
        for statement in _wanted(connection).values():
            cursor.execute(statement)


def lift(connection: BaseDatabaseWrapper) -> None:
    """Take them away."""
    with connection.cursor() as cursor:
        for name in _wanted(connection):
            on = "" if connection.vendor == "sqlite" else f" ON {TABLE}"
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def _wanted(connection: BaseDatabaseWrapper) -> dict[str, str]:
    return _SQLITE if connection.vendor == "sqlite" else _POSTGRES
