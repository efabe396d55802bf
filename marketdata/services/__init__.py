"""Every verb of market data."""

from marketdata.services._backfill import BackfillResult, backfill_candles
from marketdata.services._candles import (
    IngestResult,
    discard_dead_letter,
    ingest_candles,
    retry_dead_letter,
)
from marketdata.services._circuits import ask
from marketdata.services._gaps import mark_absent, note_gaps
from marketdata.services._history import (
    FEED_HISTORY,
    catch_up,
    fill_gaps,
)
from marketdata.services._imports import BadLine, ImportSummary, import_candles
from marketdata.services._indicators import (
    refresh_indicators,
    refresh_stale_indicators,
    subscribe_indicators,
)
from marketdata.services._interruptions import (
    begin_interruption,
    end_interruption,
    end_left_interruptions,
)
from marketdata.services._leases import (
    LEASE_S,
    claim_lease,
    lease_holder,
    lease_is_over,
    release_lease,
    standby_of,
)
from marketdata.services._letters import set_aside
from marketdata.services._symbols import (
    SymbolSync,
    recorded_symbol,
    sync_symbols,
    unwatch_symbol,
    watch_symbol,
)
from marketdata.services._tickers import store_tickers
from marketdata.services.drawings import (
    change_annotation,
    create_annotation,
    delete_annotation,
)

__all__ = [
    # symbols
    "SymbolSync",
    "recorded_symbol",
    "sync_symbols",
    "unwatch_symbol",
    "watch_symbol",
    # candles
    "FEED_HISTORY",
    "BackfillResult",
    "BadLine",
    "ImportSummary",
    "IngestResult",
    "backfill_candles",
    "catch_up",
    "discard_dead_letter",
    "fill_gaps",
    "import_candles",
    "ingest_candles",
    "mark_absent",
    "note_gaps",
    "retry_dead_letter",
    # indicators
    "refresh_indicators",
    "refresh_stale_indicators",
    "subscribe_indicators",
    # tickers
    "store_tickers",
    # exchanges and the feed
    "LEASE_S",
    "ask",
    "begin_interruption",
    "claim_lease",
    "end_interruption",
    "end_left_interruptions",
    "lease_holder",
    "lease_is_over",
    "release_lease",
    "set_aside",
    "standby_of",
    # drawings
    "change_annotation",
    "create_annotation",
    "delete_annotation",
]
