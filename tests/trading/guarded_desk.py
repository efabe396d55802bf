"""A live bot that holds a position beside an emulated exchange, with a stop there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import time_machine
from pytest_django import Settings

from config import clock
from marketdata.models import Symbol, Ticker
from tests.exchange.emulator import Emulator
from tests.exchange.orders import Order as Placed
from tests.trading.factories import (
    bars,
    make_account,
    make_bot,
    make_candles,
    make_symbol,
    make_user,
    quote,
)
from trading import services
from trading.models import Bot, LiveGrant, Order, Position, Protection
from trading.order_state import OrderStatus as S

BAR = 300
LAST = 42_000.0
PLACING = {"binance": "POST /api/v3/order", "bybit": "POST /v5/order/create"}
CANCELING = {"binance": "DELETE /api/v3/order", "bybit": "POST /v5/order/cancel"}


@dataclass
class Desk:
    """`seconds` count from the close of the newest candle."""

    emulator: Emulator
    symbol: Symbol
    bot: Bot
    closed: datetime

    def cycle(self, seconds: float, *, price: float = LAST) -> None:
        now = self.at(seconds)
        newest = quote(price, at=now)
        with time_machine.travel(now):
            services.run_bot(bot_id=self.bot.pk, now=now, quote_for=lambda pk: newest)

    def sweep(self, seconds: float) -> None:
        now = self.at(seconds)
        with time_machine.travel(now):
            services.sweep_orders(now=now)

    def enter(self) -> None:
        """Buy, book it, and let the next cycle see to the stop."""
        self.cycle(1)
        self.sweep(4)
        self.cycle(5)

    def at(self, seconds: float) -> datetime:
        return self.closed + timedelta(seconds=seconds)

    def set_knobs(self, **knobs: Any) -> None:
        """Turned by one, agreed to by another: what is looser needs that."""
        agreed = [make_user("admin")]
        services.set_knobs(bot_id=self.bot.pk, knobs=knobs, by=None, now=self.closed, agreed=agreed)

    def candle(self, close: float, number: int = 1) -> None:
        """Candle `number` after the newest one, which closes `number` bars later."""
        start_ms = clock.to_ms(self.closed) + (number - 1) * BAR * 1000
        make_candles(self.symbol, bars([close], start_ms=start_ms))

    @property
    def orders(self) -> list[Order]:
        return list(Order.objects.filter(bot=self.bot).order_by("pk"))

    @property
    def guards(self) -> list[Order]:
        return [order for order in self.orders if order.is_guard]

    @property
    def guard(self) -> Order:
        """The one that stands."""
        (standing,) = [order for order in self.guards if order.status in (S.OPEN, S.PARTIAL)]
        return standing

    @property
    def position(self) -> Position:
        return Position.objects.get(bot=self.bot)

    @property
    def protection(self) -> Protection:
        return Protection.objects.get(bot=self.bot)

    @property
    def waiting(self) -> list[Placed]:
        """Stops that wait at the exchange."""
        orders = self.emulator.ledger.orders
        return [order for order in orders if order.is_open and order.wanted.trigger]

    @property
    def sold(self) -> D:
        """What the exchange sold for us in all."""
        return sum((fill.qty for fill in self.emulator.ledger.fills if fill.side == "SELL"), D(0))


@contextmanager
def open_desk(
    exchange: str,
    settings: Settings,
    *,
    strategy: str = "buy_and_hold",
    params: dict[str, Any] | None = None,
    **knobs: Any,
) -> Iterator[Desk]:
    """A running live bot with a stop two per cent below, unless `params` say otherwise."""
    with Emulator(exchange) as emulator:
        address = {f"{exchange}_base_url": emulator.url}
        settings.ENV = settings.ENV.model_copy(update=address)
        symbol = make_symbol(exchange=exchange, qty_step="0.00001", min_qty="0.00001")
        closed_ms = clock.now_ms() // (BAR * 1000) * BAR * 1000
        rows = bars([40_000 + 20.0 * k for k in range(60)], start_ms=closed_ms - 60 * BAR * 1000)
        make_candles(symbol, rows)
        bot = _live_bot(symbol, emulator, strategy, params or {"stop_loss": 0.02}, knobs)
        yield Desk(emulator, symbol, bot, clock.from_ms(closed_ms))
        assert emulator.problems() == []


def _live_bot(
    symbol: Symbol, emulator: Emulator, strategy: str, params: dict[str, Any], knobs: dict[str, Any]
) -> Bot:
    now = clock.now()
    account = make_account(
        exchange=symbol.exchange, key=emulator.key.key, secret=emulator.key.secret
    )
    bot = make_bot(
        symbol,
        strategy=strategy,
        params=params,
        knobs={"max_exposure": 0.6, "max_position": 0.5, **knobs},
        now=now,
    )
    Bot.objects.filter(pk=bot.pk).update(
        paper_mode=False, account=account, status=Bot.Status.RUNNING
    )
    Ticker.objects.create(symbol=symbol, last=LAST, at=now)
    LiveGrant.objects.create(
        bot=bot,
        account=account,
        max_order=D(20_000),
        max_exposure=D(20_000),
        reason="test",
        asked_by=make_user("operator"),
        asked_at=now - timedelta(hours=1),
        approved_by=make_user("admin"),
        approved_at=now - timedelta(hours=1),
        expires_at=now + timedelta(days=1),
    )
    bot.refresh_from_db()
    return bot
