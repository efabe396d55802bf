"""People, callers and rows for tests of the API."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from config import clock
from marketdata import store
from marketdata.models import Symbol
from marketdata.quotes import Quote, put_quote
from marketdata.timeframes import Timeframe
from strategies import queries as strategy_queries
from trading import access, services
from trading.models import ApiToken, Bot

PASSWORD = "correct horse battery"


class Api:
    """A program that calls the API with a token (or, without one, as nobody)."""

    def __init__(self, secret: str = "", user: User | None = None) -> None:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        self.secret = secret
        self.user = user
        self.client = Client(headers=headers)

    def get(self, path: str, **params: Any) -> Any:
        return self.client.get(f"/api/v1/{path}", params)

    def post(self, path: str, body: object = None, *, key: str = "") -> Any:
        return self.send("POST", path, body, key=key)

    def send(self, method: str, path: str, body: object = None, *, key: str = "") -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return self.client.generic(
            method,
            f"/api/v1/{path}",
            b"" if body is None else _json(body),
            content_type="application/json",
            headers=headers,
        )


def _json(body: object) -> bytes:
    import orjson

    return body if isinstance(body, bytes) else orjson.dumps(body)


def make_user(role: str = access.VIEWER, *, username: str = "") -> User:
    """A person with a role; the same one when asked again."""
    name = username or role
    made = services.create_user(username=name, password=PASSWORD, role=role, now=clock.now())
    return made or User.objects.get(username=name)


def make_api(role: str = access.OPERATOR, *, scope: str = ApiToken.Scope.WRITE) -> Api:
    """A program of somebody with that role."""
    user = make_user(role)
    _, secret = services.create_token(user=user, name="tests", scope=scope, days=1, now=clock.now())
    return Api(secret, user)


def make_symbol(name: str = "BTC/USDT", *, exchange: str = "simulated", **fields: Any) -> Symbol:
    """A watched pair; the same one when asked again."""
    base, quote = name.split("/")
    symbol, _ = Symbol.objects.get_or_create(
        exchange=exchange,
        name=name,
        defaults={
            "base": base,
            "quote": quote,
            "price_tick": Decimal("0.01"),
            "qty_step": Decimal("0.00001"),
            "min_qty": Decimal("0.00001"),
            "min_notional": Decimal(5),
            "watched": True,
            "updated_at": clock.now(),
            **fields,
        },
    )
    return symbol


def make_candles(
    symbol: Symbol,
    *,
    timeframe: Timeframe = Timeframe.M1,
    many: int = 300,
    skip: Sequence[int] = (),
) -> list[tuple[int, float, float, float, float, float]]:
    """The newest `many` closed candles, without those whose place is in `skip`."""
    last = timeframe.last_closed_open(clock.now_ms())
    chance = random.Random(7)
    rows, price = [], 50_000.0
    for place in range(many):
        opened, price = price, price * (1 + chance.uniform(-0.002, 0.002))
        high, low = max(opened, price) * 1.0005, min(opened, price) * 0.9995
        open_ms = last - (many - 1 - place) * timeframe.ms
        if place not in skip:
            rows.append((open_ms, opened, high, low, price, chance.uniform(5, 50)))
    store.insert_candles(symbol.pk, timeframe, rows)
    return rows


def make_quote(symbol: Symbol, price: float = 50_000.0, **fields: Any) -> Quote:
    """The live price, from now."""
    quote = Quote(
        **{
            "last": price,
            "bid": price - 5,
            "ask": price + 5,
            "bid_qty": 1.0,
            "ask_qty": 1.0,
            "at_ms": clock.now_ms(),
            "change_24h": 0.01,
            "volume_24h": 1234.5,
            **fields,
        }
    )
    put_quote(symbol.pk, quote)
    return quote


def make_bot(
    *,
    name: str = "A bot",
    symbols: Sequence[Symbol] = (),
    timeframe: str = "1m",
    strategy: str = "buy_and_hold",
    knobs: Mapping[str, Any] | None = None,
    by: User | None = None,
    now: datetime | None = None,
) -> Bot:
    """A stopped paper bot."""
    return services.create_bot(
        name=name,
        symbols=list(symbols) or [make_symbol()],
        timeframe=timeframe,
        version=strategy_queries.active_version(strategy),
        knobs=knobs,
        by=by,
        now=now or clock.now(),
    )


def make_ready_bot(**fields: Any) -> Bot:
    """A bot whose symbol has candles and a price, so that it may start and trade."""
    symbol = make_symbol()
    make_candles(symbol)
    make_quote(symbol)
    return make_bot(symbols=[symbol], **fields)


def make_order(api: Api, bot: Bot, *, qty: str = "0.01", **fields: Any) -> dict[str, Any]:
    """An order through the API's own two steps, as its answer."""
    body = {"bot_id": bot.pk, "symbol": "BTC/USDT", "side": "BUY", "qty": qty, **fields}
    intent = api.post("orders/intents", body)
    assert intent.status_code == 201, intent.content
    placed = api.post("orders/place", {"intent_id": intent.json()["id"]})
    assert placed.status_code == 201, placed.content
    order: dict[str, Any] = placed.json()
    return order
