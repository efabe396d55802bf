"""Rows of trading for tests: say only what the test is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction

from config import clock
from marketdata import store
from marketdata.exchanges.protocol import CandleRow
from marketdata.models import Symbol
from marketdata.quotes import Quote
from marketdata.timeframes import Timeframe
from strategies.models import StrategyVersion
from tests.strategies.factories import make_version
from trading import services
from trading.models import (
    Bot,
    ExchangeAccount,
    Fill,
    Incident,
    LiveGrant,
    Order,
    OrderIntent,
    ReconcileRun,
    Reconciliation,
    SystemState,
)
from trading.order_state import OrderStatus
from trading.services._orders import open_order

MIDNIGHT_MS = 1_704_067_200_000  # 2024-01-01 00:00 UTC
BAR_MS = 300_000
NOW = clock.from_ms(MIDNIGHT_MS + 30 * 86_400_000)
# Costs nothing, limits nothing: a test names what it is about.
FREE_KNOBS: dict[str, Any] = {
    "max_exposure": 1,
    "max_position": 1,
    "max_daily_loss": 1,
    "max_drawdown": 1,
    "fee_maker_bps": 0,
    "fee_taker_bps": 0,
    "half_spread_bps": 0,
    "slippage_bps": 0,
    "volume_cap": 1,
}
# Signals that follow the price within a bar or two, after a short warm-up.
QUICK = {"fast": 2, "slow": 3}
QUICK_WARMUP = 47
__all__ = ["make_version"]


def make_account(
    name: str = "main", *, exchange: str = "binance", key: str = "k" * 12, secret: str = "s" * 12
) -> ExchangeAccount:
    """An account at an exchange with a sealed key that was checked, and wide limits."""
    account = services.add_account(
        name=name, exchange=exchange, key=key, secret=secret, by=make_user("admin"), now=NOW
    )
    now = clock.now()
    ExchangeAccount.objects.filter(pk=account.pk).update(
        symbols=["BTC/USDT", "ETH/USDT", "BNB/USDT"],
        max_order=Decimal(10**6),
        max_exposure=Decimal(10**6),
        may_trade=True,
        may_withdraw=False,
        ip_bound=False,
        checked_at=now,
        clock_at=now,
    )
    account.refresh_from_db()
    return account


def make_grant(bot: Bot, account: ExchangeAccount, **given: Any) -> LiveGrant:
    """A grant that two people gave just now, for an hour."""
    now = clock.now()
    fields: dict[str, Any] = {
        "max_order": Decimal(500),
        "max_exposure": Decimal(800),
        "asked_by": make_user("operator"),
        "asked_at": now,
        "asked_gates": [{"name": "ready", "ok": True, "reasons": []}],
        "approved_by": make_user("admin"),
        "approved_at": now,
        "expires_at": now + timedelta(hours=1),
        "subject_digest": "d" * 64,
        "reason": "test",
        **given,
    }
    return LiveGrant.objects.create(bot=bot, account=account, **fields)


def make_incident(account: ExchangeAccount, asset: str = "USDT", **given: Any) -> Incident:
    """A balance that was found twice to differ, just now."""
    now = clock.now()
    fields: dict[str, Any] = {
        "kind": Incident.Kind.BALANCE,
        "key": asset,
        "asset": asset,
        "ours": "100",
        "theirs": "350.5",
        "evidence": {"difference": "250.5", "tolerance": "0.01"},
        "drift": True,
        "sightings": 2,
        "first_seen_at": now,
        "last_seen_at": now,
        **given,
    }
    return Incident.objects.create(account=account, **fields)


def make_reconcile_run(
    account: ExchangeAccount, outcome: str = "CLEAN", *, at: datetime | None = None, **given: Any
) -> ReconcileRun:
    """A cycle that has just ended; told_at follows it unless it was aborted."""
    began = at or clock.now()
    if outcome != ReconcileRun.Outcome.ABORTED:
        Reconciliation.objects.update_or_create(account=account, defaults={"told_at": began})
    return ReconcileRun.objects.create(
        account=account,
        outcome=outcome,
        started_at=began,
        ended_at=began,
        **{"duration_ms": 120, **given},
    )


def make_user(role: str = "operator", name: str = "") -> User:
    """A person with a role; the roles are made when they are missing."""
    services.sync_roles()
    user = User.objects.create_user(name or f"{role}-{User.objects.count()}", password="secret")
    user.groups.add(Group.objects.get(name=role))
    return user


def make_symbol(
    name: str = "BTC/USDT",
    *,
    exchange: str = "recorded",
    price_tick: str = "0.01",
    qty_step: str = "0.001",
    min_qty: str = "0.001",
    min_notional: str = "5",
    status: str = Symbol.Status.TRADING,
) -> Symbol:
    base, quote = name.split("/")
    symbol, _ = Symbol.objects.get_or_create(
        exchange=exchange,
        name=name,
        defaults={
            "base": base,
            "quote": quote,
            "price_tick": Decimal(price_tick),
            "qty_step": Decimal(qty_step),
            "min_qty": Decimal(min_qty),
            "min_notional": Decimal(min_notional),
            "status": status,
            "updated_at": NOW,
        },
    )
    return symbol


def bars(
    closes: Sequence[float],
    *,
    start_ms: int = MIDNIGHT_MS,
    timeframe: str = "5m",
    volume: float = 1000.0,
    skip: Sequence[int] = (),
    **columns: Sequence[float] | Mapping[int, float],
) -> list[CandleRow]:
    """Candles that open at the close before; `low={3: 90}` changes one number of one bar."""
    opens = [closes[0], *closes[:-1]]
    rows = []
    for index, (open_, close) in enumerate(zip(opens, closes, strict=True)):
        row = {
            "open": open_,
            "high": max(open_, close),
            "low": min(open_, close),
            "close": close,
            "volume": volume,
        }
        for name, given in columns.items():
            if not isinstance(given, Mapping) or index in given:
                row[name] = given[index]
        if index not in skip:
            open_ms = start_ms + index * Timeframe(timeframe).ms
            rows.append((open_ms, *(float(number) for number in row.values())))
    return rows  # type: ignore[return-value]


def make_candles(symbol: Symbol, rows: Sequence[CandleRow], timeframe: str = "5m") -> int:
    """Store candles; gives the close of the last one in ms."""
    with transaction.atomic():
        store.insert_candles(symbol.pk, timeframe, rows)
    return rows[-1][0] + Timeframe(timeframe).ms


def make_bot(
    *symbols: Symbol,
    strategy: str = "buy_and_hold",
    params: Mapping[str, Any] | None = None,
    knobs: Mapping[str, Any] | None = None,
    cash: str = "10000",
    timeframe: str = "5m",
    replay: services.Replay | None = None,
    version: StrategyVersion | None = None,
    name: str = "Bot",
    now: datetime = NOW,
) -> Bot:
    """A stopped bot without costs or limits, except for what `knobs` says."""
    services.ensure_system_state(now=now)
    return services.create_bot(
        name=name,
        symbols=symbols or (make_symbol(),),
        timeframe=timeframe,
        version=version or make_version(strategy, **(params or {})),
        by=None,
        now=now,
        knobs={**FREE_KNOBS, **(knobs or {})},
        starting_cash=Decimal(cash),
        replay=replay,
    )


def make_replay(
    closes: Sequence[float] | None = None,
    *,
    rows: Sequence[CandleRow] | None = None,
    symbol: Symbol | None = None,
    speed: float = 0,
    **given: Any,
) -> Bot:
    """A started bot that replays these closes of one symbol."""
    symbol = symbol or make_symbol()
    candles = rows if rows is not None else bars(closes or [])
    end = make_candles(symbol, candles)
    bot = make_bot(symbol, replay=services.Replay(candles[0][0], end, speed), **given)
    services.start_bot(bot_id=bot.pk, by=None, now=given.get("now", NOW))
    bot.refresh_from_db()
    return bot


def run(bot: Bot, *, now: datetime = NOW, budget_s: float = 60.0) -> Bot:
    """Run a bot until nothing is left to do."""
    while services.run_bot(bot_id=bot.pk, now=now, budget_s=budget_s, quote_for=no_quotes):
        pass
    bot.refresh_from_db()
    return bot


def no_quotes(symbol_id: int) -> Quote | None:
    """A feed that never said anything."""
    return None


def quote(
    last: float, *, at: datetime = NOW, bid: float | None = None, ask: float | None = None
) -> Quote:
    return Quote(
        last=last,
        bid=last if bid is None else bid,
        ask=last if ask is None else ask,
        bid_qty=None,
        ask_qty=None,
        at_ms=clock.to_ms(at),
        change_24h=None,
        volume_24h=None,
    )


def quotes(by_symbol: Mapping[Symbol, Quote]) -> Callable[[int], Quote | None]:
    """What `quote_for=` wants."""
    by_id = {symbol.pk: quote for symbol, quote in by_symbol.items()}
    return by_id.get


def make_intent(
    bot: Bot,
    *,
    side: str = "BUY",
    qty: str = "1",
    type: str = "MARKET",
    price: str | None = None,
    symbol: Symbol | None = None,
    key: str = "",
    epoch: int | None = None,
) -> OrderIntent:
    """An allowed intent, past every check."""
    services.ensure_system_state(now=NOW)
    return OrderIntent.objects.create(
        bot=bot,
        symbol=symbol or bot.symbols.order_by("botsymbol__rank")[0],
        idempotency_key=key or f"test:{OrderIntent.objects.count()}",
        side=side,
        type=type,
        qty=Decimal(qty),
        price=None if price is None else Decimal(price),
        reason="manual",
        epoch=SystemState.objects.get(pk=1).epoch if epoch is None else epoch,
        decided_at=NOW,
    )


def make_order(
    bot: Bot, *, status: OrderStatus = OrderStatus.NEW, now: datetime = NOW, **intent: Any
) -> Order:
    """An order in any state, past every check."""
    order = open_order(make_intent(bot, **intent), now=now)
    Order.objects.filter(pk=order.pk).update(status=status)
    order.refresh_from_db()
    return order


def make_fill(order: Order, qty: str, price: str, *, fee: str = "0", id: str = "") -> list[Fill]:
    """A fill as a broker reports it."""
    report = services.FillReport(
        exchange_fill_id=id or f"{order.client_order_id}:{Fill.objects.count()}",
        qty=Decimal(qty),
        price=Decimal(price),
        fee=Decimal(fee),
        fee_asset=order.symbol.quote,
        maker=False,
        at=NOW,
    )
    return services.apply_fills(order=order, reports=[report], now=NOW)


def make_position(bot: Bot, qty: str, price: str, *, symbol: Symbol | None = None) -> None:
    """Bought before, at this price."""
    order = make_order(bot, status=OrderStatus.OPEN, side="BUY", qty=qty, symbol=symbol)
    make_fill(order, qty, price)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)
