"""The database's own refusal to change the archive of calls, as SQL per vendor.

Laid after every migrate, because Django rebuilds SQLite tables and drops their triggers.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "approvals_llmcall"
_WORDS = "the archive of calls is append-only"
_REFUSE = f"BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END"

_SQLITE = {
    "calls_no_update": f"CREATE TRIGGER calls_no_update BEFORE UPDATE ON {TABLE} {_REFUSE}",
    "calls_no_delete": f"CREATE TRIGGER calls_no_delete BEFORE DELETE ON {TABLE} {_REFUSE}",
    # Without it INSERT OR REPLACE rewrites a row.
    "calls_no_replace": "CREATE TRIGGER calls_no_replace BEFORE INSERT ON approvals_llmcall WHEN"
    " EXISTS (SELECT 1 FROM approvals_llmcall WHERE id = NEW.id OR key = NEW.key"
    " OR reservation_id = NEW.reservation_id)"
    " BEGIN SELECT RAISE(ABORT, 'the archive of calls is append-only'); END",
}
_POSTGRES_FUNCTION = f"""CREATE OR REPLACE FUNCTION calls_are_append_only() RETURNS trigger AS $$
    BEGIN RAISE EXCEPTION '{_WORDS}'; END $$ LANGUAGE plpgsql"""
_POSTGRES = {
    "calls_no_change": f"""CREATE TRIGGER calls_no_change BEFORE UPDATE OR DELETE ON {TABLE}
        FOR EACH ROW EXECUTE FUNCTION calls_are_append_only()""",
    "calls_no_truncate": f"""CREATE TRIGGER calls_no_truncate BEFORE TRUNCATE ON {TABLE}
        FOR EACH STATEMENT EXECUTE FUNCTION calls_are_append_only()""",
}


def lay(connection: BaseDatabaseWrapper) -> None:
    """Lay all of them anew."""
    sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        if not sqlite:
            cursor.execute(_POSTGRES_FUNCTION)
        for name, statement in (_SQLITE if sqlite else _POSTGRES).items():
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}" + ("" if sqlite else f" ON {TABLE}"))
            cursor.execute(statement)
            if not sqlite:
                # ALWAYS: session_replication_role=replica would skip it otherwise.
                cursor.execute(f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER {name}")
