"""The database's own refusal to change the audit log, as SQL per vendor (`config.triggers`)."""

from __future__ import annotations

from config.triggers import Function, TableTriggers, refuse

TABLE = "trading_auditevent"
_WORDS = "the audit log is append-only"

TRIGGERS = TableTriggers(
    table=TABLE,
    promise=_WORDS,
    sqlite={
        "audit_no_update": f"BEFORE UPDATE ON {TABLE} {refuse(_WORDS)}",
        "audit_no_delete": f"BEFORE DELETE ON {TABLE} {refuse(_WORDS)}",
        # Without it INSERT OR REPLACE rewrites a row.
        "audit_no_replace": (
            f"BEFORE INSERT ON {TABLE} WHEN EXISTS"  # noqa: S608
            f" (SELECT 1 FROM {TABLE} WHERE id = NEW.id OR seq = NEW.seq"
            f" OR hash = NEW.hash OR prev_hash = NEW.prev_hash) {refuse(_WORDS)}"
        ),
    },
    functions=(Function("audit_is_append_only", f"\n    BEGIN RAISE EXCEPTION '{_WORDS}'; END "),),
    postgresql={
        "audit_no_change": (
            f"BEFORE DELETE OR UPDATE ON {TABLE}"
            " FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()"
        ),
        "audit_no_truncate": (
            f"BEFORE TRUNCATE ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
        ),
    },
)
