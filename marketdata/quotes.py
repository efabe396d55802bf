"""Live quotes on the bus; the stored ticker stands in when the bus or the quote is away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass

import orjson
import structlog

from config import bus, clock
from marketdata.models import Ticker

log = structlog.get_logger(__name__)

# A symbol that nobody follows any more leaves nothing behind.
EXPIRES_S = 86_400


@dataclass(frozen=True, slots=True)
class Quote:
    """The newest price of a symbol. `change_24h` is a fraction, volumes are in the base asset."""

    last: float
    bid: float | None
    ask: float | None
    bid_qty: float | None
    ask_qty: float | None
    at_ms: int
    change_24h: float | None
    volume_24h: float | None

    def age_s(self, now_ms: int) -> float:
        """Seconds since the exchange made this quote."""
        return max(0, now_ms - self.at_ms) / 1000


def put_quote(symbol_id: int, quote: Quote) -> bool:
    """Make `quote` the live one; False if there is no bus."""
    return put_quotes({symbol_id: quote})


def put_quotes(quotes: Mapping[int, Quote]) -> bool:
    """Make all `quotes` (by symbol id) the live ones at once; False if there is no bus."""
    from redis import RedisError

    try:
        pipeline = bus.client().pipeline(transaction=False)
        for symbol_id, quote in quotes.items():
            pipeline.set(_key(symbol_id), orjson.dumps(astuple(quote)), ex=EXPIRES_S)
        pipeline.execute()
    except (RedisError, OSError):
        return False
    return True


def get_quote(symbol_id: int) -> Quote | None:
    """The newest quote known of a symbol, or None if there never was one."""
    return get_quotes([symbol_id]).get(symbol_id)


def get_quotes(symbol_ids: Iterable[int]) -> dict[int, Quote]:
    """The newest quotes by symbol id; symbols that never had one are left out."""
    wanted = list(dict.fromkeys(symbol_ids))
    found = _live(wanted) if wanted else {}
    missing = [symbol_id for symbol_id in wanted if symbol_id not in found]
    if missing:
        found |= {row.pk: _stored(row) for row in Ticker.objects.filter(pk__in=missing)}
    return found


def quoted_at_ms(symbol_ids: Iterable[int]) -> dict[int, int]:
    """The stamps of the live quotes by symbol id; nothing is asked of the database."""
    wanted = list(symbol_ids)
    return {pk: quote.at_ms for pk, quote in _live(wanted).items()} if wanted else {}


def _live(symbol_ids: list[int]) -> dict[int, Quote]:
    from redis import RedisError

    try:
        values = bus.client().mget([_key(symbol_id) for symbol_id in symbol_ids])
    except (RedisError, OSError) as error:
        log.warning("quotes.bus_unreachable", error=str(error))
        return {}
    pairs = zip(symbol_ids, values, strict=True)
    return {symbol_id: Quote(*orjson.loads(value)) for symbol_id, value in pairs if value}


def _stored(row: Ticker) -> Quote:
    return Quote(
        last=row.last,
        bid=row.bid,
        ask=row.ask,
        bid_qty=row.bid_qty,
        ask_qty=row.ask_qty,
        at_ms=clock.to_ms(row.at),
        change_24h=row.change_24h,
        volume_24h=row.volume_24h,
    )


def _key(symbol_id: int) -> str:
    return f"quote:{symbol_id}"
