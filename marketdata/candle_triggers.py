"""The database's own mark of every change to a candle, as SQL per vendor.

Candles are cached on disk (`marketdata.datasets`), so that a write which nobody noticed would be
simulated wrongly for ever. Whoever inserts, changes or removes a candle, by whatever way, gives
its block a new revision in the same transaction. Laid after every migrate, because Django
rebuilds SQLite tables and drops their triggers.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

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
_SQLITE = {
    "candle_inserted": f"CREATE TRIGGER candle_inserted AFTER INSERT ON {TABLE}"
    f" BEGIN {_SQLITE_NEW} END",
    "candle_changed": f"CREATE TRIGGER candle_changed AFTER UPDATE ON {TABLE}"
    f" BEGIN {_SQLITE_OLD} {_SQLITE_NEW} END",
    "candle_removed": f"CREATE TRIGGER candle_removed AFTER DELETE ON {TABLE}"
    f" BEGIN {_SQLITE_OLD} END",
}

# No transition tables: hypertables know them from TimescaleDB 2.18 on only. The setting remembers
# the block within the transaction: many versions of one row would be slow, and a rollback to a
# savepoint takes it back together with the row.
_POSTGRES_FUNCTIONS = (
    """CREATE OR REPLACE FUNCTION candle_mark(symbol bigint, frame text, number bigint)
    RETURNS void AS $$
        INSERT INTO marketdata_candlerevision (symbol_id, timeframe, block, revision)
            VALUES (symbol, frame, number, gen_random_uuid()::text)
            ON CONFLICT (symbol_id, timeframe, block) DO UPDATE SET revision = excluded.revision;
        SELECT set_config('countersign.block', symbol || ' ' || frame || ' ' || number, true);
    $$ LANGUAGE sql""",
    """CREATE OR REPLACE FUNCTION candle_revised() RETURNS trigger AS $$
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
    END $$ LANGUAGE plpgsql""",
    """CREATE OR REPLACE FUNCTION candles_emptied() RETURNS trigger AS $$
    BEGIN
        UPDATE marketdata_candlerevision SET revision = gen_random_uuid()::text;
        RETURN NULL;
    END $$ LANGUAGE plpgsql""",
)
_POSTGRES = {
    "candle_revised": f"""CREATE TRIGGER candle_revised BEFORE INSERT OR UPDATE OR DELETE
        ON {TABLE} FOR EACH ROW EXECUTE FUNCTION candle_revised()""",
    "candles_emptied": f"""CREATE TRIGGER candles_emptied AFTER TRUNCATE ON {TABLE}
        FOR EACH STATEMENT EXECUTE FUNCTION candles_emptied()""",
}


def lay(connection: BaseDatabaseWrapper) -> None:
    """Lay all of them anew."""
    sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        for function in () if sqlite else _POSTGRES_FUNCTIONS:
            cursor.execute(function)
        for name, statement in (_SQLITE if sqlite else _POSTGRES).items():
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}" + ("" if sqlite else f" ON {TABLE}"))
            cursor.execute(statement)
