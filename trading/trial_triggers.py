"""The database's own refusal to make the count of trials smaller, as SQL per vendor.

Laid after every migrate, because Django rebuilds SQLite tables and drops their triggers.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "trading_trialcount"
_WORDS = "trials are only ever added"
_REFUSE = f"BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END"

_SQLITE = {
    "trials_no_less": f"CREATE TRIGGER trials_no_less BEFORE UPDATE ON {TABLE}"
    " WHEN NEW.n < OLD.n OR NEW.m2 < OLD.m2 OR NEW.strategy_id <> OLD.strategy_id"
    f" OR (NEW.n = OLD.n AND (NEW.mean <> OLD.mean OR NEW.m2 <> OLD.m2)) {_REFUSE}",
    "trials_no_delete": f"CREATE TRIGGER trials_no_delete BEFORE DELETE ON {TABLE} {_REFUSE}",
}
_POSTGRES_FUNCTION = f"""CREATE OR REPLACE FUNCTION trials_only_grow() RETURNS trigger AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND NEW.strategy_id = OLD.strategy_id AND NEW.m2 >= OLD.m2
            AND (NEW.n > OLD.n OR (NEW.n = OLD.n AND NEW.m2 = OLD.m2 AND NEW.mean = OLD.mean))
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION '{_WORDS}';
    END $$ LANGUAGE plpgsql"""
_POSTGRES = {
    "trials_only_grow": f"""CREATE TRIGGER trials_only_grow BEFORE UPDATE OR DELETE ON {TABLE}
        FOR EACH ROW EXECUTE FUNCTION trials_only_grow()""",
    "trials_no_truncate": f"""CREATE TRIGGER trials_no_truncate BEFORE TRUNCATE ON {TABLE}
        FOR EACH STATEMENT EXECUTE FUNCTION trials_only_grow()""",
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
