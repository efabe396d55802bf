"""The database's own refusal to change the archive of calls, as SQL per vendor."""

from __future__ import annotations

from config.triggers import Function, TableTriggers, refuse

TABLE = "approvals_llmcall"
_WORDS = "the archive of calls is append-only"

TRIGGERS = TableTriggers(
    table=TABLE,
    promise=_WORDS,
    sqlite={
        "calls_no_update": f"BEFORE UPDATE ON {TABLE} {refuse(_WORDS)}",
        "calls_no_delete": f"BEFORE DELETE ON {TABLE} {refuse(_WORDS)}",
        # Without it INSERT OR REPLACE rewrites a row.
        "calls_no_replace": (
            f"BEFORE INSERT ON {TABLE} WHEN EXISTS"  # noqa: S608
            f" (SELECT 1 FROM {TABLE} WHERE id = NEW.id OR key = NEW.key"
            f" OR reservation_id = NEW.reservation_id) {refuse(_WORDS)}"
        ),
    },
    functions=(Function("calls_are_append_only", f"\n    BEGIN RAISE EXCEPTION '{_WORDS}'; END "),),
    postgresql={
        "calls_no_change": (
            f"BEFORE DELETE OR UPDATE ON {TABLE}"
            " FOR EACH ROW EXECUTE FUNCTION calls_are_append_only()"
        ),
        "calls_no_truncate": (
            f"BEFORE TRUNCATE ON {TABLE}"
            " FOR EACH STATEMENT EXECUTE FUNCTION calls_are_append_only()"
        ),
    },
)
