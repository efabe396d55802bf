"""A paper bot on live quotes, one cycle at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from config import clock
from marketdata.models import Symbol
from tests.trading.factories import (
    BAR_MS,
    bars,
    later,
    make_bot,
    make_candles,
    make_symbol,
    quote,
    quotes,
)
from tests.trading.factories import NOW as MIDNIGHT
from trading import services
from trading.models import Bot, DecisionRecord, Fill

CLOSE = clock.to_ms(MIDNIGHT)  # a candle of every timeframe closes now
JUST_AFTER = later(1)


def live(
    *symbols: Symbol, closes: Sequence[float] = (100.0,) * 60, start: bool = True, **given: Any
) -> Bot:
    """A running bot whose newest candle has just closed."""
    symbols = symbols or (make_symbol(),)
    for symbol in symbols:
        make_candles(symbol, bars(closes, start_ms=CLOSE - len(closes) * BAR_MS))
    bot = make_bot(*symbols, **given)
    if start:
        services.start_bot(bot_id=bot.pk, by=None, now=MIDNIGHT)
    bot.refresh_from_db()
    return bot


def cycle(
    bot: Bot,
    price: float | Mapping[Symbol, float] | None = 100.0,
    *,
    now: datetime = JUST_AFTER,
    at: datetime | None = None,
    **sides: float,
) -> Bot:
    """One run with this price quoted `at` (now, unless given) for every symbol."""
    prices = price if isinstance(price, Mapping) else dict.fromkeys(bot.symbols.all(), price)
    known = {
        symbol: quote(value, at=at or now, **sides)
        for symbol, value in prices.items()
        if value is not None
    }
    services.run_bot(bot_id=bot.pk, now=now, quote_for=quotes(known))
    bot.refresh_from_db()
    return bot


def next_candle(bot: Bot, number: int, close: float = 100.0) -> datetime:
    """Store candle `number` after the start for all symbols; a second after its close."""
    for symbol in bot.symbols.all():
        make_candles(symbol, bars([close], start_ms=CLOSE + (number - 1) * BAR_MS))
    return later(number * 300 + 1)


def reasons(bot: Bot) -> list[str]:
    rows = DecisionRecord.objects.filter(bot=bot).order_by("candle_close_ms", "id")
    return list(rows.values_list("reason", flat=True))


def fill_prices(bot: Bot) -> list[tuple[str, Decimal]]:
    return list(Fill.objects.filter(bot=bot).order_by("id").values_list("side", "price"))
