"""Real candles through the whole path: signal, intent, order, fill, position, equity, audit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from config import clock
from marketdata import store
from marketdata.services import import_candles
from strategies import registry
from tests.scenarios.reference import Costs, reference_fills
from tests.scenarios.replays import (
    EXITS,
    HOLED,
    NOW,
    WILD,
    fills_hash,
    history_hash,
    imported,
    make_replay,
    run,
)
from trading import queries, services
from trading.models import (
    AuditEvent,
    Bot,
    DecisionRecord,
    Fill,
    Order,
    PortfolioSnapshot,
    Position,
    Trade,
)
from trading.order_state import OrderStatus
from trading.positions import Filled, Holding, apply_fill
from trading.services import _replay, _tape
from trading.services._fills import holding_of

pytestmark = pytest.mark.django_db

D = Decimal
FIVE_MINUTES_MS = 300_000
CANDLES = 2304
GOLDEN = "409ada6"


def fills(bot: Bot) -> list[tuple[int, str, Decimal, Decimal]]:
    rows = Fill.objects.filter(bot=bot).order_by("id")
    return [(clock.to_ms(row.at), str(row.side), row.qty, row.price) for row in rows]


def reference(bot: Bot) -> list[tuple[int, str, Decimal, Decimal]]:
    """What the plain loop makes of the same candles."""
    symbol = bot.symbols.get()
    bars = store.load_bars(symbol.pk, bot.timeframe)
    strategy = registry.get(bot.version.strategy.name)
    params = strategy.validated(bot.version.params)
    return reference_fills(
        bars=bars,
        targets=strategy.targets(bars, params),
        exits=strategy.exits(params),
        costs=Costs(tick=symbol.price_tick, lot=symbol.qty_step),
        cash=bot.starting_cash,
    )


def test_the_same_candles_give_the_same_fills_as_ever() -> None:
    """When this changes, every stored result of a replay has changed its meaning."""
    bot = run(make_replay(**EXITS))

    assert (Fill.objects.count(), fills_hash(bot)[:7]) == (80, GOLDEN)
    _check_fills(bot)
    _check_books(bot)
    _check_curve(bot)
    _check_records(bot)


def _check_fills(bot: Bot) -> None:
    """The plain loop agrees to the last digit, and every way out was taken."""
    assert fills(bot) == reference(bot)
    reasons = set(Trade.objects.values_list("exit_reason", flat=True))
    assert reasons == {"signal_exit", "stop_loss", "take_profit", "trailing_stop"}


def _check_books(bot: Bot) -> None:
    """Cash, position and round trips are sums over the fills."""
    cash, held = bot.starting_cash, Holding()
    for fill in Fill.objects.order_by("id"):
        told = Filled(fill.side == "BUY", fill.qty, fill.price, fill.fee)
        cash, held = cash + told.cash_change, apply_fill(held, told)
        assert cash >= 0
    position = Position.objects.get()
    assert (bot.cash, holding_of(position)) == (cash, held)
    closed = sum((trade.pnl or D(0) for trade in Trade.objects.all()), D(0))
    assert abs(closed - position.realized_pnl) < D("1e-9")


def _check_curve(bot: Bot) -> None:
    """Each snapshot is the cash and the coins of its moment, at the last close."""
    rows = store.candle_rows(bot.symbols.get().pk, bot.timeframe)
    closes = {row[0] + FIVE_MINUTES_MS: D(repr(row[4])) for row in rows}
    booked = [
        (row.at, Filled(row.side == "BUY", row.qty, row.price, row.fee))
        for row in Fill.objects.order_by("id")
    ]
    peak = bot.starting_cash
    for point in PortfolioSnapshot.objects.order_by("at"):
        before = [told for at, told in booked if at < point.at]
        cash = bot.starting_cash + sum((told.cash_change for told in before), D(0))
        qty = sum((told.qty if told.buy else -told.qty for told in before), D(0))
        peak = max(peak, point.equity)
        assert point.cash == cash
        assert point.equity == cash + qty * closes[clock.to_ms(point.at)]
        assert point.drawdown >= float((peak - point.equity) / peak) - 1e-12
    assert queries.portfolio_now(bot.pk).equity == point.equity


def _check_records(bot: Bot) -> None:
    """One decision per candle, one order per intent, one event per step, all of it sealed."""
    assert bot.status == Bot.Status.FINISHED
    assert DecisionRecord.objects.count() == CANDLES
    acted = DecisionRecord.objects.filter(action__in=["ENTER", "EXIT"]).count()
    assert acted == Order.objects.count() == Order.objects.values("intent").distinct().count()
    last = Order.objects.latest("id")
    assert set(Order.objects.exclude(pk=last.pk).values_list("status", flat=True)) == {"FILLED"}
    for action, count in {"order.intended": acted, "order.filled": 80, "bot.finished": 1}.items():
        assert AuditEvent.objects.filter(action=action).count() == count
    assert not AuditEvent.objects.filter(action="verdict.contradicted").exists()
    assert services.verify_audit(now=NOW).ok


@pytest.mark.storeless
@pytest.mark.parametrize("strategy", ["trend_ema", "sma_cross", "rsi_reversion", "buy_and_hold"])
def test_every_strategy_trades_as_the_plain_loop_says(strategy: str) -> None:
    bot = run(make_replay(strategy=strategy))

    assert fills(bot) == reference(bot)
    assert fills(bot)


@pytest.mark.storeless
def test_neither_chunks_nor_commits_nor_restarts_change_a_digit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = history_hash(run(make_replay(**EXITS)))
    monkeypatch.setattr(_tape, "CHUNK", 311)
    monkeypatch.setattr(_replay, "COMMIT_EVERY", 17)
    bot = make_replay(**EXITS)

    while services.run_bot(bot_id=bot.pk, now=NOW, budget_s=0.1):
        services.stop_bot(bot_id=bot.pk, by=None, now=NOW)
        services.start_bot(bot_id=bot.pk, by=None, now=NOW)

    assert history_hash(bot) == expected


@pytest.mark.storeless
def test_candles_that_come_later_change_nothing_of_before() -> None:
    whole = fills(run(make_replay(**EXITS)))
    symbol, timeframe, replay = imported()
    half_ms = replay.from_ms + CANDLES // 2 * FIVE_MINUTES_MS
    store_later = store.candle_rows(symbol.pk, timeframe, from_ms=half_ms)
    symbol.candles.filter(open_ms__gte=half_ms).delete()

    bot = run(make_replay_of_what_is_stored(symbol, timeframe, replay))

    assert store_later
    assert fills(bot) == [fill for fill in whole if fill[0] < half_ms]


def make_replay_of_what_is_stored(symbol: Any, timeframe: str, replay: services.Replay) -> Bot:
    version = Bot.objects.latest("id").version
    bot = services.create_bot(
        name="Half",
        symbols=[symbol],
        timeframe=timeframe,
        version=version,
        by=None,
        now=NOW,
        replay=replay,
    )
    services.start_bot(bot_id=bot.pk, by=None, now=NOW)
    return bot


@pytest.mark.storeless
def test_real_holes_are_jumped_over() -> None:
    bot = run(make_replay(HOLED, strategy="sma_cross", fast=2, slow=3))

    closes = set(DecisionRecord.objects.values_list("candle_close_ms", flat=True))
    opens = {row[0] for row in store.candle_rows(bot.symbols.get().pk, "1h")}
    assert closes == {open_ms + 3_600_000 for open_ms in opens}
    assert {at for at, *_ in fills(bot)} <= opens
    assert fills(bot) == reference(bot)


def test_two_symbols_share_one_cash_that_is_never_negative() -> None:
    first = make_replay(**EXITS)
    other = import_candles(path=WILD, now=NOW, symbol="ETH/USDT").symbol
    bot = services.create_bot(
        name="Two",
        symbols=[first.symbols.get(), other],
        timeframe="5m",
        version=first.version,
        by=None,
        now=NOW,
        replay=services.Replay(first.replay_from_ms or 0, first.replay_to_ms or 0),
    )
    services.start_bot(bot_id=bot.pk, by=None, now=NOW)

    run(bot, budget_s=0.2)

    shares = {
        name: [(clock.to_ms(at), side) for at, side in rows.values_list("at", "side")]
        for name in ("BTC/USDT", "ETH/USDT")
        if (rows := Fill.objects.filter(bot=bot, symbol__name=name).order_by("id"))
    }
    assert shares["BTC/USDT"] == shares["ETH/USDT"]
    assert all(point.cash >= 0 for point in PortfolioSnapshot.objects.filter(bot=bot))
    assert not Order.objects.filter(bot=bot, status=OrderStatus.REJECTED).exists()
