"""A live bot, its account and the exchange at the other end, for tests of orders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from config import clock
from marketdata.models import Ticker
from tests.exchange.emulator import Emulator
from tests.exchange.faults import Spoil
from tests.trading.factories import make_account, make_bot, make_intent, make_symbol, make_user
from trading import services
from trading.brokers import Broker
from trading.brokers.live import Credentials, LiveBroker
from trading.models import Bot, ExchangeAccount, LiveGrant, Order, OrderTransition
from trading.services._orders import open_order

PLACING = {"binance": "POST /api/v3/order", "bybit": "POST /v5/order/create"}
CANCELING = {"binance": "DELETE /api/v3/order", "bybit": "POST /v5/order/cancel"}


@dataclass
class Desk:
    """A live bot, its account, and the exchange at the other end."""

    emulator: Emulator
    broker: LiveBroker
    account: ExchangeAccount
    bot: Bot
    began: datetime

    def __call__(self, order: Order) -> Broker:
        return self.broker

    def at(self, seconds: float) -> datetime:
        return self.began + timedelta(seconds=seconds)

    def order(self, **wanted: Any) -> Order:
        wanted = {"qty": "0.01", "type": "LIMIT", "price": "40000", **wanted}
        if wanted["type"] == "MARKET":
            wanted["price"] = None
        return open_order(make_intent(self.bot, **wanted), now=self.began)

    def submit(self, order: Order, at: float = 0) -> Order:
        return services.submit_order(order_id=order.pk, now=self.at(at), broker_for=self)

    def sweep(self, *at: float) -> None:
        for seconds in at:
            services.sweep_orders(now=self.at(seconds), broker_for=self)

    def spoil(self, spoil: Spoil, path: str = "", times: int = 1) -> None:
        self.emulator.fail(spoil, path=path or PLACING[self.account.exchange], times=times)

    @property
    def posts(self) -> int:
        return len(self.emulator.ledger.asked(PLACING[self.account.exchange]))


def steps(order: Order) -> list[str]:
    rows = OrderTransition.objects.filter(order=order).order_by("pk")
    return list(rows.values_list("to_status", flat=True))


def now_at(order: Order) -> Order:
    return Order.objects.get(pk=order.pk)


@pytest.fixture(params=["binance", "bybit"])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    with Emulator(request.param) as emulator:
        symbol = make_symbol(
            exchange=request.param, qty_step="0.00001", min_qty="0.00001", price_tick="0.01"
        )
        account = make_account(exchange=request.param)
        bot = make_bot(symbol)
        Bot.objects.filter(pk=bot.pk).update(paper_mode=False, account=account)
        bot.refresh_from_db()
        broker = LiveBroker(
            request.param,
            Credentials(emulator.key.key, emulator.key.secret),
            base_url=emulator.url,
            timeout_s=1,
        )
        Ticker.objects.create(symbol=symbol, last=42_000.0, at=clock.now())
        made = Desk(emulator, broker, account, bot, clock.now())
        grant(made)
        yield made
        assert emulator.problems() == []


def grant(desk: Desk, **given: Any) -> LiveGrant:
    fields: dict[str, Any] = {
        "max_order": D(5000),
        "max_exposure": D(8000),
        "expires_at": desk.at(3600),
        "approved_by": make_user("admin"),
        "approved_at": desk.began,
        **given,
    }
    return LiveGrant.objects.create(
        bot=desk.bot,
        account=desk.account,
        reason="test",
        asked_by=make_user("operator"),
        asked_at=desk.began,
        **fields,
    )
