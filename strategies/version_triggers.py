"""The database's own refusal of changed or removed versions and of wrong steps, as SQL."""

from __future__ import annotations

from config.triggers import Function, TableTriggers, refuse
from strategies.version_state import NEXT

TABLE = "strategies_strategyversion"
_WORDS = "a version keeps its parameters and moves only along its states"
_KEPT = ("strategy_id", "number", "created_at")
_CONTENT = ("params_hash", "code_hash")  # and params: what a draft may change until it is proposed

_STEPS = ", ".join(f"'{old}>{new}'" for old, news in NEXT.items() for new in sorted(news))
_STEP_IS_WRONG = f"OLD.state <> NEW.state AND (OLD.state || '>' || NEW.state) NOT IN ({_STEPS})"
_OTHER = " OR ".join(f"OLD.{name} <> NEW.{name}" for name in _KEPT)
_OTHER_CONTENT = " OR ".join(f"OLD.{name} <> NEW.{name}" for name in _CONTENT)
_NO_DRAFT = "(OLD.state <> 'DRAFT' OR NEW.state <> 'DRAFT')"
_CONTENT_IS_OTHER = f"{_OTHER} OR {_NO_DRAFT} AND (OLD.params <> NEW.params OR {_OTHER_CONTENT})"
_BODY = f"""
    BEGIN
        IF TG_OP = 'DELETE' THEN
            IF OLD.state <> 'DRAFT' THEN
                RAISE EXCEPTION '{_WORDS}' USING ERRCODE = 'check_violation';
            END IF;
            RETURN OLD;
        END IF;
        IF {_OTHER} OR ({_STEP_IS_WRONG})
            OR {_NO_DRAFT} AND (OLD.params::text <> NEW.params::text OR {_OTHER_CONTENT}) THEN
            RAISE EXCEPTION '{_WORDS}' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END """

TRIGGERS = TableTriggers(
    table=TABLE,
    promise=_WORDS,
    sqlite={
        "version_content_stays": (
            f"BEFORE UPDATE ON {TABLE} WHEN {_CONTENT_IS_OTHER} {refuse(_WORDS)}"
        ),
        "version_steps": f"BEFORE UPDATE ON {TABLE} WHEN {_STEP_IS_WRONG} {refuse(_WORDS)}",
        "version_no_delete": (
            f"BEFORE DELETE ON {TABLE} WHEN OLD.state <> 'DRAFT' {refuse(_WORDS)}"
        ),
        # Without it INSERT OR REPLACE rewrites a row.
        "version_no_replace": (
            f"BEFORE INSERT ON {TABLE} WHEN EXISTS"  # noqa: S608
            f" (SELECT 1 FROM {TABLE} WHERE id = NEW.id OR strategy_id = NEW.strategy_id AND"
            " (number = NEW.number OR state = 'ACTIVE' AND NEW.state = 'ACTIVE' OR"
            " params_hash = NEW.params_hash AND code_hash = NEW.code_hash))"
            f" {refuse(_WORDS)}"
        ),
    },
    functions=(Function("version_keeps_its_word", _BODY),),
    postgresql={
        "version_keeps_its_word": (
            f"BEFORE DELETE OR UPDATE ON {TABLE} FOR EACH ROW"
            " EXECUTE FUNCTION version_keeps_its_word()"
        ),
    },
)
