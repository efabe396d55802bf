"""What is special about each venue, behind one face."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.exchange import (
    binance,
    binance_market_stream,
    binance_private,
    binance_stream,
    bybit,
    bybit_market_stream,
    bybit_private,
    bybit_stream,
)
from tests.exchange.faults import HTML, Answer
from tests.exchange.limits import BinanceLimits, BybitLimits
from tests.exchange.market import Market
from tests.exchange.matching import Engine, Habits, Happened
from tests.exchange.orders import Fill, Order
from tests.exchange.public_streams import Words
from tests.exchange.routes import Request, Route
from tests.exchange.signing import bybit_refused
from tests.exchange.streams import Connection, Event

Private = binance_private.BinancePrivate | bybit_private.BybitPrivate
Reply = Callable[[Engine, str, Connection, dict[str, Any], bool], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Venue:
    name: str
    habits: Habits
    public: Callable[[Market], dict[str, Route]]
    private: Callable[[Engine], Private]
    limits: Callable[[], BinanceLimits | BybitLimits]
    stream_path: str
    wrap: Callable[[Event], dict[str, Any]]
    events: Callable[[Engine, Happened, Order, Fill | None], Iterator[Event]]
    reply: Reply
    maintenance: Callable[[Request, int], Answer | None]
    market_words: Words
    by_hand: dict[str, str]  # the words of a limit order that did not come through the API


def _binance_maintenance(request: Request, now_ms: int) -> Answer | None:
    if request.path == "/sapi/v1/system/status":
        return Answer(200, b'{"status": 1, "msg": "system maintenance"}')
    return Answer(503, HTML, {"Content-Type": "text/html"})


def _bybit_maintenance(request: Request, now_ms: int) -> Answer | None:
    raise bybit_refused(10016, "Server error. The service is under maintenance.", now_ms)


BINANCE = Venue(
    name="binance",
    habits=binance_private.HABITS,
    public=binance.routes,
    private=binance_private.BinancePrivate,
    limits=lambda: BinanceLimits(weights=binance_private.WEIGHTS),
    stream_path=binance_stream.PATH,
    wrap=binance_stream.wrap,
    events=binance_stream.events,
    reply=lambda engine, ip, connection, said, pongs: binance_stream.answer(
        engine, ip, connection, said
    ),
    maintenance=_binance_maintenance,
    market_words=binance_market_stream,
    by_hand={"type": "LIMIT", "timeInForce": "GTC"},
)
BYBIT = Venue(
    name="bybit",
    habits=bybit_private.HABITS,
    public=bybit.routes,
    private=bybit_private.BybitPrivate,
    limits=BybitLimits,
    stream_path=bybit_stream.PATH,
    wrap=bybit_stream.wrap,
    events=bybit_stream.events,
    reply=bybit_stream.answer,
    maintenance=_bybit_maintenance,
    market_words=bybit_market_stream,
    by_hand={"timeInForce": "GTC", "marketUnit": "", "orderFilter": "Order"},
)
VENUES = {venue.name: venue for venue in (BINANCE, BYBIT)}
