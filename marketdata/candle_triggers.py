"""The database's own mark of every change to a candle, as SQL per vendor.

Candles are cached on disk (`marketdata.datasets`), so that a write which nobody noticed would be
simulated wrongly for ever. Whoever inserts, changes or removes a candle, by whatever way, gives
its block a new revision in the same transaction.
"""

from __future__ import annotations

from config.triggers import Function, TableTriggers

TABLE = "marketdata_candle"
REVISIONS = "marketdata_candlerevision"
BLOCK_MS = 2_592_000_000  # 30 days, so that a candle of today leaves older blocks as they are

# Random, not counted: a number could come again after a rollback or a restored backup.
_SQLITE_MARK = """INSERT INTO marketdata_candlerevision (symbol_id, timeframe, block, revision)
    VALUES ({row}.symbol_id, {row}.timeframe, {row}.open_ms / 2592000000,
        lower(hex(randomblob(16))))
    ON CONFLICT (symbol_id, timeframe, block) DO UPDATE SET revision = excluded.revision;"""
_SQLITE_NEW = _SQLITE_MARK.format(row="NEW")
_SQLITE_OLD = _SQLITE_MARK.format(row="OLD")

# No transition tables: hypertables know them from TimescaleDB 2.18 on only. The setting remembers
# the block within the transaction: many versions of one row would be slow, and a rollback to a
# savepoint takes it back together with the row.
_MARK = Function(
    "candle_mark",
    """
        INSERT INTO marketdata_candlerevision (symbol_id, timeframe, block, revision)
            VALUES (symbol, frame, number, gen_random_uuid()::text)
            ON CONFLICT (symbol_id, timeframe, block) DO UPDATE SET revision = excluded.revision;
        SELECT set_config('countersign.block', symbol || ' ' || frame || ' ' || number, true);
    """,
    arguments="symbol bigint, frame text, number bigint",
    returns="void",
    language="sql",
)
_REVISED = Function(
    "candle_revised",
    """
    BEGIN
        IF TG_OP <> 'INSERT' AND current_setting('countersign.block', true) IS DISTINCT FROM
            OLD.symbol_id || ' ' || OLD.timeframe || ' ' || OLD.open_ms / 2592000000
        THEN
            PERFORM candle_mark(OLD.symbol_id, OLD.timeframe, OLD.open_ms / 2592000000);
        END IF;
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        IF current_setting('countersign.block', true) IS DISTINCT FROM
            NEW.symbol_id || ' ' || NEW.timeframe || ' ' || NEW.open_ms / 2592000000
        THEN
            PERFORM candle_mark(NEW.symbol_id, NEW.timeframe, NEW.open_ms / 2592000000);
        END IF;
        RETURN NEW;
    END """,
)
_EMPTIED = Function(
    "candles_emptied",
    """
    BEGIN
        UPDATE marketdata_candlerevision SET revision = gen_random_uuid()::text;
        RETURN NULL;
    END """,
)

TRIGGERS = TableTriggers(
    table=TABLE,
    others=(REVISIONS,),
    promise="every change to a candle is marked",
    sqlite={
        "candle_inserted": f"AFTER INSERT ON {TABLE} BEGIN {_SQLITE_NEW} END",
        "candle_changed": f"AFTER UPDATE ON {TABLE} BEGIN {_SQLITE_OLD} {_SQLITE_NEW} END",
        "candle_removed": f"AFTER DELETE ON {TABLE} BEGIN {_SQLITE_OLD} END",
    },
    functions=(_MARK, _REVISED, _EMPTIED),
    postgresql={
        "candle_revised": (
            f"BEFORE INSERT OR DELETE OR UPDATE ON {TABLE}"
            " FOR EACH ROW EXECUTE FUNCTION candle_revised()"
        ),
        "candles_emptied": (
            f"AFTER TRUNCATE ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION candles_emptied()"
        ),
    },
    # TimescaleDB before 2.28 switches no trigger of a hypertable (its issue 4757).
    always=False,
)
