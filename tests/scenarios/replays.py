"""Recorded candles, the bot that replays them, and what it left as one number."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config import clock
from marketdata.models import Symbol
from marketdata.quotes import Quote
from marketdata.services import import_candles
from marketdata.timeframes import Timeframe
from strategies import services as strategy_services
from trading import services
from trading.models import Bot, DecisionRecord, Fill, PortfolioSnapshot

DATA = Path(__file__).resolve().parent.parent / "data"
WILD = DATA / "BTC_USDT-5m-20240228-20240306.csv.gz"
HOLED = DATA / "BTC_USDT-1h-20200205-20200223.csv.gz"
NOW = datetime(2024, 5, 1, tzinfo=UTC)
EXITS: dict[str, Any] = {"stop_loss": 0.01, "take_profit": 0.02, "trailing": 0.015}


def imported(path: Path = WILD) -> tuple[Symbol, str, services.Replay]:
    """The candles of one file in the database, and the range that they cover."""
    summary = import_candles(path=path, now=NOW)
    end = summary.last_ms + Timeframe(summary.timeframe).ms
    return summary.symbol, str(summary.timeframe), services.Replay(summary.first_ms, end)


def make_replay(path: Path = WILD, *, strategy: str = "trend_ema_fast", **params: Any) -> Bot:
    """A started bot with the defaults of a first start, costs and limits included."""
    services.ensure_system_state(now=NOW)
    strategy_services.sync_strategies(now=NOW)
    symbol, timeframe, replay = imported(path)
    bot = services.create_bot(
        name="Replay",
        symbols=[symbol],
        timeframe=timeframe,
        version=strategy_services.create_version(
            strategy_name=strategy, params=params, by=None, now=NOW
        ),
        by=None,
        now=NOW,
        replay=replay,
    )
    services.start_bot(bot_id=bot.pk, by=None, now=NOW)
    return bot


def run(bot: Bot, *, budget_s: float = 60.0, now: datetime = NOW) -> Bot:
    """To the end."""
    while services.run_bot(bot_id=bot.pk, now=now, budget_s=budget_s, quote_for=_no_quotes):
        pass
    bot.refresh_from_db()
    return bot


def _no_quotes(symbol_id: int) -> Quote | None:
    return None


def fills_hash(bot: Bot) -> str:
    """Of every fill: time, side, quantity, price, fee, maker or taker."""
    return _digest(
        f"{clock.to_ms(fill.at)} {fill.side} {fill.qty:f} {fill.price:f} {fill.fee:f}"
        f" {fill.liquidity}"
        for fill in Fill.objects.filter(bot=bot).order_by("id")
    )


def history_hash(bot: Bot) -> str:
    """Of all that a replay leaves: fills, decisions and the equity curve."""
    decisions = DecisionRecord.objects.filter(bot=bot).order_by("candle_close_ms")
    curve = PortfolioSnapshot.objects.filter(bot=bot).order_by("at")
    return _digest(
        [
            fills_hash(bot),
            *map(str, decisions.values_list("candle_close_ms", "action", "reason", "detail")),
            *map(str, curve.values_list("at", "equity", "cash", "drawdown")),
        ]
    )


def _digest(lines: Any) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
