"""Equity, curves and positions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Max, Q, QuerySet

from config import clock
from marketdata import store
from marketdata.models import Symbol
from marketdata.quotes import Quote, get_quotes
from trading import metrics
from trading.models import Bot, PortfolioSnapshot, Position, Trade

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
class EquityPoint:
    """One moment of an equity curve; `drawdown` is a fraction below the peak so far."""

    at: datetime
    equity: float
    cash: float
    positions_value: float
    drawdown: float


@dataclass(frozen=True, slots=True)
class PositionView:
    """A position marked at the newest price; None where no price is known."""

    bot_id: int
    bot_name: str
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

    A replay's past market time doesn't belong into a sum of now, so it isn't in it.
    """
    newest = _newest_snapshots(bot_id)
    if not newest:
        return PortfolioView(None, None, None, None, None, None, {}, 0)
    equity = sum((row.equity for row in newest), ZERO)
    peak = sum((max(row.bot.peak_equity, row.equity) for row in newest), ZERO)
    prices: dict[str, float] = {}
    for row in newest:
        prices.update(row.prices)
    return PortfolioView(
        equity=equity,
        cash=sum((row.cash for row in newest), ZERO),
        positions_value=sum((row.positions_value for row in newest), ZERO),
        pnl=equity - sum((row.bot.starting_cash for row in newest), ZERO),
        drawdown=float((peak - equity) / peak) if peak > 0 else None,
        at=max(row.at for row in newest),
        prices=prices,
        bots=len(newest),
    )


def equity_curve(
    bot_id: int | None = None,
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
    points: int = 800,
) -> list[EquityPoint]:
    """At most about `points` moments, evenly thinned; the last one is always there.

    For all bots each moment adds every live bot's newest equity up to then.
    """
    rows = _snapshots(bot_id)
    if from_ms is not None:
        rows = rows.filter(at__gte=clock.from_ms(from_ms))
    if to_ms is not None:
        rows = rows.filter(at__lt=clock.from_ms(to_ms))
    values = list(rows.order_by("at").values_list("bot_id", "at", "equity", "cash"))
    start = {} if bot_id else dict(_starting_cash())
    return _thinned(_curve(values, start), points)


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


def performance(bot_id: int | None = None) -> metrics.Performance:
    """The metric set of one bot, or of all live bots together."""
    curve = [(clock.to_ms(point.at), point.equity) for point in equity_curve(bot_id, points=10**9)]
    closed = Trade.objects.filter(status=Trade.Status.CLOSED)
    if bot_id is None:
        closed = closed.filter(bot__source=Bot.Source.LIVE_FEED)
    else:
        closed = closed.filter(bot_id=bot_id)
    trades = [
        metrics.ClosedTrade(float(pnl), float(fees), (closed_at - opened_at).total_seconds())
        for pnl, fees, closed_at, opened_at in closed.order_by("closed_at").values_list(
            "pnl", "fees", "closed_at", "opened_at"
        )
        if pnl is not None and closed_at is not None
    ]
    return metrics.measure(curve=curve, trades=trades)


def _snapshots(bot_id: int | None) -> QuerySet[PortfolioSnapshot]:
    if bot_id is not None:
        return PortfolioSnapshot.objects.filter(bot_id=bot_id)
    return PortfolioSnapshot.objects.filter(bot__source=Bot.Source.LIVE_FEED)


def _newest_snapshots(bot_id: int | None) -> list[PortfolioSnapshot]:
    rows = _snapshots(bot_id).values("bot_id").annotate(newest=Max("at"))
    wanted = Q(pk__in=[])
    for row in rows:
        wanted |= Q(bot_id=row["bot_id"], at=row["newest"])
    return list(PortfolioSnapshot.objects.filter(wanted).select_related("bot"))


def _starting_cash() -> Iterable[tuple[int, Decimal]]:
    """Of bots that have a curve: one that starts later was cash before."""
    rows = Bot.objects.filter(source=Bot.Source.LIVE_FEED, snapshots__isnull=False).distinct()
    return rows.values_list("pk", "starting_cash")


def _curve(
    values: list[tuple[int, datetime, Decimal, Decimal]], start: dict[int, Decimal]
) -> list[EquityPoint]:
    equity = {bot: float(cash) for bot, cash in start.items()}
    cash = dict(equity)
    peak, curve = 0.0, []
    for bot, at, bot_equity, bot_cash in values:
        equity[bot], cash[bot] = float(bot_equity), float(bot_cash)
        total, free = sum(equity.values()), sum(cash.values())
        peak = max(peak, total)
        drawdown = (peak - total) / peak if peak > 0 else 0.0
        curve.append(EquityPoint(at, total, free, total - free, drawdown))
    return curve


def _thinned(curve: list[EquityPoint], points: int) -> list[EquityPoint]:
    step = max(len(curve) // max(points, 2), 1)
    thinned = curve[::step]
    if curve and thinned[-1] is not curve[-1]:
        thinned.append(curve[-1])
    return thinned


def _position_view(row: Position, quote: Quote | None, now_ms: int) -> PositionView:
    price = _mark(row, quote)
    return PositionView(
        bot_id=row.bot_id,
        bot_name=row.bot.name,
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
    cursor = row.bot.botsymbol_set.filter(symbol=row.symbol).values_list("decided_ms", flat=True)
    bars = store.load_bars(row.symbol_id, row.bot.timeframe, to_ms=cursor.get(), limit=1)
    return Decimal(repr(float(bars.close[-1]))) if len(bars) else None
