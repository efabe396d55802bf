"""The database's own refusal to make the count of trials smaller, as SQL per vendor."""

from __future__ import annotations

from config.triggers import Function, TableTriggers, refuse

TABLE = "trading_trialcount"
_WORDS = "trials are only ever added"
_LESS = (
    "NEW.n < OLD.n OR NEW.m2 < OLD.m2 OR NEW.strategy_id <> OLD.strategy_id"
    " OR (NEW.n = OLD.n AND (NEW.mean <> OLD.mean OR NEW.m2 <> OLD.m2))"
)
_BODY = f"""
    BEGIN
        IF TG_OP = 'UPDATE' AND NEW.strategy_id = OLD.strategy_id AND NEW.m2 >= OLD.m2
            AND (NEW.n > OLD.n OR (NEW.n = OLD.n AND NEW.m2 = OLD.m2 AND NEW.mean = OLD.mean))
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION '{_WORDS}';
    END """

TRIGGERS = TableTriggers(
    table=TABLE,
    promise=_WORDS,
    sqlite={
        "trials_no_less": f"BEFORE UPDATE ON {TABLE} WHEN {_LESS} {refuse(_WORDS)}",
        "trials_no_delete": f"BEFORE DELETE ON {TABLE} {refuse(_WORDS)}",
    },
    functions=(Function("trials_only_grow", _BODY),),
    postgresql={
        "trials_only_grow": (
            f"BEFORE DELETE OR UPDATE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION trials_only_grow()"
        ),
        "trials_no_truncate": (
            f"BEFORE TRUNCATE ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION trials_only_grow()"
        ),
    },
)
