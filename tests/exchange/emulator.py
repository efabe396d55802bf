"""A whole exchange on loopback: trading, private streams, faults, and a ledger of the truth."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import orjson
from aiohttp import web

from tests.exchange import control
from tests.exchange.accounts import Account, Accounts, ApiKey
from tests.exchange.bybit_private import BybitPrivate
from tests.exchange.faults import Answer
from tests.exchange.ledger import Asked, Ledger
from tests.exchange.market import Market, Pair, Print
from tests.exchange.matching import Engine, Happened
from tests.exchange.orders import Fill, Kind, Order, Side, Wanted
from tests.exchange.public_streams import PublicStreams
from tests.exchange.routes import Refused, Request
from tests.exchange.server import LoopbackServer
from tests.exchange.streams import Streams
from tests.exchange.venues import VENUES
from tests.exchange.walk import Walk

HIDDEN = {"signature"}
START = {"USDT": Decimal(100_000), "BTC": Decimal(1)}


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


def default_market() -> Market:
    prices = {"BTC": "42000.50", "ETH": "2500.00", "BNB": "600.00"}
    pairs = [
        Pair(base, last=at, bid=at, ask=at[:-1] + "1", scale=float(at) / 42_000.5)
        for base, at in prices.items()
    ]
    return Market(pairs=pairs, now_ms=wall_clock_ms())


class Emulator(LoopbackServer):
    """One venue, `binance` or `bybit`. Runs while it is entered; without that it is an engine.

    All methods may be called from any thread. The clock stamps rows and judges timestamps, it
    decides nothing else; give your own for results that never change.
    """

    def __init__(
        self,
        venue: str,
        *,
        market: Market | None = None,
        clock: Callable[[], int] = wall_clock_ms,
        balances: dict[str, Decimal] | None = None,
        key: ApiKey | None = None,
        port: int = 0,
        seed: int = 1,
    ) -> None:
        super().__init__(port=port, seed=seed)
        self.venue = VENUES[venue]
        self.market = market or default_market()
        self.skew_ms = 0  # how far the exchange's clock is ahead of the true one
        self.maintenance = False
        self.client_ip: str | None = None  # the address clients seem to come from
        self._clock = clock
        self.engine = Engine(self.market, self.venue.habits, self.now_ms)
        self.engine.listeners.append(self._publish)
        self.private = self.venue.private(self.engine)
        self.limits = self.venue.limits()
        self.streams = Streams(self.call)
        self.public = PublicStreams(self.market, self.venue.market_words, self.call, self.now_ms)
        self.walk = Walk(self.engine, seed)
        self.key = self.accounts.add_key(key or ApiKey(f"{venue}-key", f"{venue}-secret"))
        for asset, qty in (START if balances is None else balances).items():
            self.deposit(asset, qty)

    @property
    def ledger(self) -> Ledger:
        return self.engine.ledger

    @property
    def accounts(self) -> Accounts:
        return self.engine.accounts

    @property
    def account(self) -> Account:
        """The account of the default key."""
        return self.accounts.account(self.key.account)

    def now_ms(self) -> int:
        return self._clock() + self.skew_ms

    def deposit(self, asset: str, qty: Decimal | int | str, account: str = "main") -> None:
        """Money from outside; negative for a withdrawal."""
        change, now = Decimal(qty), self.now_ms()
        self.call(lambda: self.engine.settlement.deposit(account, asset, change, now))

    def set_price(
        self,
        symbol: str,
        last: Decimal | int | str,
        *,
        bid: Decimal | int | str | None = None,
        ask: Decimal | int | str | None = None,
        size: Decimal | int | str = 1_000_000,
    ) -> None:
        """One level on each side, `size` deep. Symbols are the exchange's, as BTCUSDT."""
        sides = [None if price is None else Decimal(price) for price in (bid, ask)]
        price, depth = Decimal(last), Decimal(size)
        self.call(
            lambda: self.engine.set_price(symbol, price, bid=sides[0], ask=sides[1], size=depth)
        )

    def set_book(
        self,
        symbol: str,
        *,
        bids: Iterable[tuple[Any, Any]] = (),
        asks: Iterable[tuple[Any, Any]] = (),
    ) -> None:
        """Levels as (price, size), best first; an empty side has nobody on it."""
        levels = [
            [(Decimal(price), Decimal(size)) for price, size in side] for side in (bids, asks)
        ]
        self.call(lambda: self.engine.set_book(symbol, *levels))

    def advance(self, steps: int = 1) -> None:
        """Move all prices by the seeded walk."""
        self.call(lambda: self.walk.advance(steps))

    def halt(self, symbol: str, *, trading: bool = False) -> None:
        """Stop trading of one pair, or let it go on."""
        self.call(lambda: setattr(self.engine.book(symbol).pair, "trading", trading))

    def limit_stops(self, symbol: str, *, market: bool = True, most: int = 5) -> None:
        """Which stops a pair takes: those that sell at the market, too? How many that wait?"""

        def change() -> None:
            pair = self.engine.book(symbol).pair
            pair.market_stops, pair.max_stops = market, most

        self.call(change)

    def place_by_hand(
        self, symbol: str, side: str, qty: Any, price: Any, client_id: str = "web_1"
    ) -> Order:
        """A limit order from outside the API, as a person places it at the exchange's own page."""
        wanted = Wanted(
            account=self.key.account,
            symbol=symbol,
            side=Side(side.upper()),
            kind=Kind.LIMIT,
            qty=Decimal(qty),
            price=Decimal(price),
            client_id=client_id,
            words=self.venue.by_hand | {"qty": str(qty)},
        )
        return self.call(lambda: self.engine.place(wanted))

    def fill(
        self, client_id: str, qty: Decimal | str | None = None, price: Decimal | str | None = None
    ) -> None:
        """Fill an open order by decree, whole or in part."""
        pieces = [None if one is None else Decimal(one) for one in (qty, price)]
        self.call(lambda: self.engine.fill(self.ledger.order(client_id), *pieces))

    def cancel(self, client_id: str) -> None:
        """Cancel from outside the API."""
        self.call(lambda: self.engine.cancel(self.ledger.order(client_id)))

    def expire(self, client_id: str) -> None:
        self.call(lambda: self.engine.expire(self.ledger.order(client_id)))

    def reject(self, client_id: str) -> None:
        """Refuse an order after it was acknowledged."""
        self.call(lambda: self.engine.reject(self.ledger.order(client_id)))

    def outage(self, seconds: float) -> None:
        """Be away for a while; returns at once."""

        def away() -> None:
            self.go_down()
            time.sleep(seconds)
            self.come_up()

        threading.Thread(target=away, daemon=True).start()

    def restart(self) -> None:
        """Cut the streams; Bybit's order/realtime forgets every order that is closed by now."""
        if isinstance(self.private, BybitPrivate):
            self.private.restarted_ms = self.now_ms()
        self.streams.disconnect()

    def expire_streams(self) -> None:
        """End all subscriptions: Binance says so, Bybit does not."""
        binance = self.venue.name == "binance"
        last_word = {"e": "eventStreamTerminated", "E": self.now_ms()}
        self.streams.expire(last_word if binance else None)

    def problems(self) -> list[str]:
        """What does not add up in the exchange's own books; must be empty after every test."""
        return self.call(lambda: self.ledger.problems(self.accounts))

    def heal(self) -> None:
        super().heal()
        self.maintenance, self.skew_ms = False, 0
        self.streams.heal()
        self.public.heal()

    def arrived(self, request: Request) -> None:
        if request.path.startswith("/control/"):
            return
        params = {name: value for name, value in request.params.items() if name not in HIDDEN}
        request.asked = Asked(self.now_ms(), request.method, request.path, params)
        self.ledger.requests.append(request.asked)

    def seen(self, request: Request, outcome: str) -> None:
        if request.asked is not None:
            request.asked.outcome = outcome
            request.asked.fault = request.spoil.name if request.spoil else ""

    def answer(self, request: Request) -> Answer:
        if request.path.startswith("/control/"):
            return control.answer(self, request)
        now = self.now_ms()
        self.market.now_ms = now
        refused = self.limits.check(request, now)
        if refused is not None:
            return refused
        try:
            answer = self._routed(request, now)
        except Refused as refusal:
            answer = Answer(refusal.status, orjson.dumps(refusal.body))
        else:
            if request.asked is not None:
                request.asked.acted = answer.status == 200
        answer.headers |= self.limits.headers(now)
        return answer

    def _routed(self, request: Request, now: int) -> Answer:
        if self.maintenance:
            answer = self.venue.maintenance(request, now)
            if answer is not None:
                return answer
        public = self.venue.public(self.market).get(f"{request.method} {request.path}")
        if public is not None:
            return Answer(200, orjson.dumps(public(request.params)))
        body = self.private.answer(request, self.client_ip or request.ip)
        return Answer(404, b"not found") if body is None else Answer(200, orjson.dumps(body))

    def _publish(self, what: Happened, order: Order, fill: Fill | None) -> None:
        if not self.streams.listening:
            return
        for event in self.venue.events(self.engine, what, order, fill):
            self.streams.publish(event)

    def print(self, symbol: str, price: float, qty: float = 1.0, *, buy: bool = True) -> Print:
        """A public trade beside the book, which stays as it is."""

        def act() -> Print:
            self.engine.book(symbol).pair.last = f"{price:.2f}"
            return self.market.note(symbol, price, self.now_ms(), qty=qty, buy=buy)

        return self.call(act)

    async def websocket(self, raw: web.BaseRequest, request: Request) -> web.StreamResponse:
        if request.path == self.venue.market_words.PATH:
            return await self.public.listen(raw)
        if request.path != self.venue.stream_path:
            return web.Response(status=404)
        ip = self.client_ip or request.ip
        return await self.streams.serve(
            raw,
            self.venue.wrap,
            lambda connection, said: self.venue.reply(
                self.engine, ip, connection, said, self.streams.answering_pings
            ),
        )
