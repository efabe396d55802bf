"""Equity, curves and positions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Max, Q

from config import clock
from marketdata import store
from marketdata.models import Symbol
from marketdata.quotes import Quote, get_quotes
from trading.models import PortfolioSnapshot, Position
from trading.queries._equity import equity_curve, snapshots

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class PortfolioView:
    """Newest snapshots added up; None where there is none yet."""

    equity: Decimal | None
    cash: Decimal | None
    positions_value: Decimal | None
    pnl: Decimal | None
    drawdown: float | None
    at: datetime | None
    prices: dict[str, float]
    bots: int


@dataclass(frozen=True, slots=True)
class PositionView:
    """A position marked at the newest price; None where no price is known."""

    bot_id: int
    bot_name: str
    live: bool  # the bot spends real money
    symbol: Symbol
    qty: Decimal
    avg_cost: Decimal
    last_price: Decimal | None
    market_value: Decimal | None
    unrealized_pnl: Decimal | None
    realized_pnl: Decimal
    fees: Decimal
    price_age_s: float | None
    opened_at: datetime | None


def portfolio_now(bot_id: int | None = None) -> PortfolioView:
    """The newest snapshot of one bot, or of all paper bots on live data added up.

    The drawdown of the sum is the equity curve's, so that a page shows one number.
    """
    newest = _newest_snapshots(bot_id)
    if not newest:
        return PortfolioView(None, None, None, None, None, None, {}, 0)
    equity = sum((row.equity for row in newest), ZERO)
    prices: dict[str, float] = {}
    for row in newest:
        prices.update(row.prices)
    return PortfolioView(
        equity=equity,
        cash=sum((row.cash for row in newest), ZERO),
        positions_value=sum((row.positions_value for row in newest), ZERO),
        pnl=equity - sum((row.bot.starting_cash for row in newest), ZERO),
        drawdown=newest[0].drawdown if bot_id is not None else equity_curve()[-1].drawdown,
        at=max(row.at for row in newest),
        prices=prices,
        bots=len(newest),
    )


def positions_now(bot_id: int | None = None) -> list[PositionView]:
    """Open and once-held positions, open ones first."""
    rows = Position.objects.select_related("bot", "symbol").order_by("bot_id", "symbol_id")
    if bot_id is not None:
        rows = rows.filter(bot_id=bot_id)
    positions = list(rows)
    quotes = get_quotes({row.symbol_id for row in positions if not row.bot.is_replay})
    now_ms = clock.now_ms()
    views = [_position_view(row, quotes.get(row.symbol_id), now_ms) for row in positions]
    return sorted(views, key=lambda view: not view.qty)


def _newest_snapshots(bot_id: int | None) -> list[PortfolioSnapshot]:
    rows = snapshots(bot_id).values("bot_id").annotate(newest=Max("at"))
    wanted = Q(pk__in=[])
    for row in rows:
        wanted |= Q(bot_id=row["bot_id"], at=row["newest"])
    return list(PortfolioSnapshot.objects.filter(wanted).select_related("bot"))


def _position_view(row: Position, quote: Quote | None, now_ms: int) -> PositionView:
    price = _mark(row, quote)
    return PositionView(
        bot_id=row.bot_id,
        bot_name=row.bot.name,
        live=not row.bot.paper_mode,
        symbol=row.symbol,
        qty=row.qty,
        avg_cost=row.avg_cost,
        last_price=price,
        market_value=None if price is None else row.qty * price,
        unrealized_pnl=None if price is None else row.qty * (price - row.avg_cost),
        realized_pnl=row.realized_pnl,
        fees=row.fees,
        price_age_s=None if quote is None else quote.age_s(now_ms),
        opened_at=row.opened_at,
    )


def _mark(row: Position, quote: Quote | None) -> Decimal | None:
    """A live bot's price is the quote; a replay's is the candle it has reached."""
    if not row.bot.is_replay:
        return None if quote is None else Decimal(repr(quote.last))
    lane = row.bot.botsymbol_set.filter(symbol=row.symbol).first()
    if lane is None:  # sold, and the bot trades it no more
        return None
    bars = store.load_bars(row.symbol_id, row.bot.timeframe, to_ms=lane.decided_ms, limit=1)
    return Decimal(repr(float(bars.close[-1]))) if len(bars) else None
