"""A desk with resting orders at an emulator, and an account feed in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal as D

from pytest_django import Settings

from config import clock
from marketdata.models import Ticker
from tests.exchange.emulator import Emulator
from tests.trading.factories import make_account, make_bot, make_intent, make_symbol, make_user
from trading import services
from trading.account_feed import AccountFeed, Stream
from trading.models import Bot, ExchangeAccount, LiveGrant, Order
from trading.order_state import OrderStatus
from trading.services._orders import open_order

WAIT_S = 10.0


def wait_for(seen: Callable[[], object], *, within_s: float = WAIT_S) -> float:
    """How long it took; fails when it took longer."""
    began = time.monotonic()
    while not seen():
        assert time.monotonic() < began + within_s, "it did not happen"
        time.sleep(0.01)
    return time.monotonic() - began


@dataclass
class LiveAccount:
    """A live bot whose limit buys rest at 30,000, far below the market."""

    emulator: Emulator
    account: ExchangeAccount
    bot: Bot
    placed: int = 0

    def place(self, qty: str = "0.01") -> Order:
        self.placed += 1
        key = f"{self.account.name}:{self.placed}"
        wanted = make_intent(self.bot, qty=qty, type="LIMIT", price="30000", key=key)
        now = clock.now()
        order = open_order(wanted, now=now)
        services.submit_order(order_id=order.pk, now=now)  # or a sweep at the same time does it
        with suppress(AssertionError):
            wait_for(lambda: Order.objects.filter(pk=order.pk, status=OrderStatus.OPEN).exists())
        order.refresh_from_db()
        assert order.status == OrderStatus.OPEN, (order.status, order.reject_code)
        return order

    def fill(self, order: Order, qty: str | None = None) -> None:
        self.emulator.fill(order.client_order_id, qty, "30000")

    def poll_later(self) -> None:
        """As if the account had been asked just now: the next poll is two seconds away."""
        ExchangeAccount.objects.filter(pk=self.account.pk).update(polled_at=clock.now())


def filled(order: Order) -> D:
    qty: D = Order.objects.get(pk=order.pk).filled_qty
    return qty


@contextmanager
def live_account(exchange: str, settings: Settings) -> Iterator[LiveAccount]:
    with Emulator(exchange) as emulator:
        settings.ENV = settings.ENV.model_copy(
            update={
                f"{exchange}_base_url": emulator.url,
                f"{exchange}_stream_base_url": emulator.ws_url,
            }
        )
        symbol = make_symbol(exchange=exchange, qty_step="0.00001", min_qty="0.00001")
        key = emulator.key
        account = make_account(exchange, exchange=exchange, key=key.key, secret=key.secret)
        now = clock.now()
        bot = make_bot(symbol, knobs={"max_exposure": 0.6, "max_position": 0.5}, now=now)
        Bot.objects.filter(pk=bot.pk).update(paper_mode=False, account=account)
        bot.refresh_from_db()
        Ticker.objects.create(symbol=symbol, last=42_000.0, at=now)
        LiveGrant.objects.create(
            bot=bot,
            account=account,
            max_order=D(10**6),
            max_exposure=D(10**6),
            reason="test",
            asked_by=make_user("operator"),
            asked_at=now,
            approved_by=make_user("admin"),
            approved_at=now,
            expires_at=clock.from_ms(clock.to_ms(now) + 10**8),
        )
        yield LiveAccount(emulator, account, bot)
        assert emulator.problems() == []


@dataclass
class Listening:
    """An account feed at work; a hint sweeps at once, in its thread."""

    feed: AccountFeed
    account: ExchangeAccount
    hints: list[float] = field(default_factory=list)

    @property
    def stream(self) -> Stream | None:
        return self.feed.streams.get(self.account.pk)

    @property
    def is_up(self) -> bool:
        return self.stream is not None and self.stream.up


@contextmanager
def listening(desk: LiveAccount, *, wait: bool = True, sweep: bool = True) -> Iterator[Listening]:
    hints: list[float] = []

    def hint() -> None:
        hints.append(time.monotonic())
        if sweep:
            services.sweep_orders(now=clock.now())

    feed = AccountFeed(hint=hint, look_s=0.2)
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(feed.run(stop)))
    thread.start()
    run = Listening(feed, desk.account, hints)
    try:
        if wait:
            wait_for(lambda: run.is_up)
            time.sleep(0.6)  # the look that every subscription brings is over
        yield run
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=WAIT_S)
        loop.close()
