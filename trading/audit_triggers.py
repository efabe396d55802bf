"""The database's own refusal to change the audit log, as SQL per vendor.

SQLite: without the insert guard INSERT OR REPLACE rewrites a row. Django rebuilds a
SQLite table at any AlterField and drops its triggers with it, so they are laid again after
every migrate and their presence is a system check.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "trading_auditevent"

_REFUSE = "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"

_SQLITE = {
    "audit_no_update": f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON {TABLE} {_REFUSE}",
    "audit_no_delete": f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON {TABLE} {_REFUSE}",
    "audit_no_replace": (
        "CREATE TRIGGER audit_no_replace BEFORE INSERT ON trading_auditevent WHEN EXISTS"
        " (SELECT 1 FROM trading_auditevent WHERE id = NEW.id OR seq = NEW.seq"
        " OR hash = NEW.hash OR prev_hash = NEW.prev_hash)"
        " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
    ),
}

_POSTGRES_FUNCTION = """CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger AS $$
    BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$ LANGUAGE plpgsql"""

_POSTGRES = {
    "audit_no_change": f"""CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON {TABLE}
        FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()""",
    "audit_no_truncate": f"""CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON {TABLE}
        FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()""",
}


def missing(connection: BaseDatabaseWrapper) -> set[str]:
    """Names of the triggers that ought to be there and aren't."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name=%s", [TABLE]
            )
        else:
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(%s)"
                " AND NOT tgisinternal AND tgenabled = 'A'",
                [TABLE],
            )
        present = {row[0] for row in cursor.fetchall()}
    return set(_wanted(connection)) - present


def lay(connection: BaseDatabaseWrapper) -> None:
    """Create what is missing. Does nothing where all is there."""
    absent = missing(connection)
    if not absent:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRES_FUNCTION)
        for name in sorted(absent):
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{_on(connection)}")
            cursor.execute(_wanted(connection)[name])
            if connection.vendor == "postgresql":
                # ALWAYS: session_replication_role=replica would skip it otherwise.
                cursor.execute(f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER {name}")


def _wanted(connection: BaseDatabaseWrapper) -> dict[str, str]:
    return _SQLITE if connection.vendor == "sqlite" else _POSTGRES


def _on(connection: BaseDatabaseWrapper) -> str:
    return "" if connection.vendor == "sqlite" else f" ON {TABLE}"
