"""A day of closing prices of many symbols, for small lines: one query, then kept on the bus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import orjson

from config import bus
from marketdata.models import Candle
from marketdata.timeframes import Timeframe

TIMEFRAME, DAY_MS = Timeframe.M15, 86_400_000
KEPT_S = 60


def day_closes(symbol_ids: Iterable[int], now_ms: int) -> dict[int, list[float]]:
    """Closes of the stored 15-minute candles of the last 24 hours, oldest first, by symbol id.

    Up to a minute old; a symbol without candles has an empty list.
    """
    wanted = list(dict.fromkeys(symbol_ids))
    found = _kept(wanted)
    missing = [symbol_id for symbol_id in wanted if symbol_id not in found]
    if missing:
        read = _stored(missing, now_ms)
        _keep(read)
        found |= read
    return found


def _stored(symbol_ids: list[int], now_ms: int) -> dict[int, list[float]]:
    closes: dict[int, list[float]] = {symbol_id: [] for symbol_id in symbol_ids}
    rows = Candle.objects.filter(
        symbol_id__in=symbol_ids, timeframe=TIMEFRAME, open_ms__gte=now_ms - DAY_MS
    ).order_by("symbol_id", "open_ms")
    for symbol_id, close in rows.values_list("symbol_id", "close"):
        closes[symbol_id].append(close)
    return closes


def _kept(symbol_ids: list[int]) -> dict[int, list[float]]:
    from redis import RedisError

    if not symbol_ids:
        return {}
    try:
        values = bus.client().mget([_key(symbol_id) for symbol_id in symbol_ids])
    except (RedisError, OSError):
        return {}
    pairs = zip(symbol_ids, values, strict=True)
    return {symbol_id: orjson.loads(value) for symbol_id, value in pairs if value}


def _keep(closes: Mapping[int, list[float]]) -> None:
    from redis import RedisError

    try:
        pipeline = bus.client().pipeline(transaction=False)
        for symbol_id, values in closes.items():
            pipeline.set(_key(symbol_id), orjson.dumps(values), ex=KEPT_S)
        pipeline.execute()
    except (RedisError, OSError):
        pass  # the next page reads them again


def _key(symbol_id: int) -> str:
    return f"spark:{symbol_id}"
