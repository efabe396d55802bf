"""Equity curves, and what a run was worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import F, Max, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from config import clock
from trading import metrics
from trading.models import Bot, PortfolioSnapshot, Trade

# (bot, moment, equity, cash, drawdown) as the database gives them
_Row = tuple[int, datetime, Decimal, Decimal, float]
_COLUMNS = ("bot_id", "at", "equity", "cash", "drawdown")


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """One moment of an equity curve; `drawdown` is a fraction below the peak so far."""

    at: datetime
    equity: float
    cash: float
    positions_value: float
    drawdown: float


def snapshots(bot_id: int | None) -> QuerySet[PortfolioSnapshot]:
    """Of one bot, or of all bots on live data: a replay's past doesn't belong into a sum of now.

    Of each bot since it got the cash that it trades with.
    """
    rows = PortfolioSnapshot.objects.filter(since_funded("at"))
    if bot_id is not None:
        return rows.filter(bot_id=bot_id)
    return rows.filter(bot__source=Bot.Source.LIVE_FEED)


def since_funded(moment: str) -> Q:
    """Rows of bots whose `moment` isn't of a time when the bot had other money."""
    return Q(bot__funded_at=None) | Q(**{f"{moment}__gte": F("bot__funded_at")})


def equity_curve(
    bot_id: int | None = None,
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
    points: int = 800,
) -> list[EquityPoint]:
    """At most about `points` moments, thinned by the database; the newest is always there.

    For all bots each moment adds every live bot's newest equity up to then, and its starting
    cash before it had one. One bot's drawdown is below its true peak; that of the sum is below
    the highest point shown.
    """
    rows = snapshots(bot_id)
    if to_ms is not None:
        rows = rows.filter(at__lt=clock.from_ms(to_ms))
    before = _before(rows, from_ms)
    if from_ms is not None:
        rows = rows.filter(at__gte=clock.from_ms(from_ms))
    values = _thinned(rows, points)
    if bot_id is not None:
        return [_point(at, equity, cash, drawdown) for _, at, equity, cash, drawdown in values]
    return list(_sum(values, _opening(before)))


def performance(bot_id: int | None = None) -> metrics.Performance:
    """The metric set of one bot, or of all live bots together."""
    curve = [(clock.to_ms(point.at), point.equity) for point in equity_curve(bot_id, points=10**9)]
    closed = Trade.objects.filter(since_funded("opened_at"), status=Trade.Status.CLOSED)
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


def _thinned(rows: QuerySet[PortfolioSnapshot], points: int) -> list[_Row]:
    step = rows.count() // max(points, 2)
    if step > 1:
        newest_first = Window(RowNumber(), partition_by=F("bot_id"), order_by=F("at").desc())
        rows = rows.annotate(place=newest_first, left=F("place") % step).filter(left=1)
    return list(rows.order_by("at", "bot_id").values_list(*_COLUMNS))


def _before(rows: QuerySet[PortfolioSnapshot], from_ms: int | None) -> list[_Row]:
    """Each bot's last snapshot before the range."""
    if from_ms is None:
        return []
    earlier = rows.filter(at__lt=clock.from_ms(from_ms))
    newest = earlier.values("bot_id").annotate(newest=Max("pk")).values("newest")
    return list(PortfolioSnapshot.objects.filter(pk__in=newest).values_list(*_COLUMNS))


def _opening(before: list[_Row]) -> dict[int, tuple[float, float]]:
    """(equity, cash) of every bot with a curve, at the start of the range."""
    live = Bot.objects.filter(source=Bot.Source.LIVE_FEED, snapshots__isnull=False).distinct()
    opening = {
        pk: (float(cash), float(cash)) for pk, cash in live.values_list("pk", "starting_cash")
    }
    return opening | {bot: (float(equity), float(cash)) for bot, _, equity, cash, _ in before}


def _sum(values: list[_Row], opening: dict[int, tuple[float, float]]) -> Iterator[EquityPoint]:
    now = dict(opening)
    peak = sum(equity for equity, _ in now.values())
    for bot, at, equity, cash, _ in values:
        now[bot] = (float(equity), float(cash))
        total = sum(each for each, _ in now.values())
        free = sum(each for _, each in now.values())
        peak = max(peak, total)
        yield _point(at, total, free, (peak - total) / peak if peak > 0 else 0.0)


def _point(
    at: datetime, equity: Decimal | float, cash: Decimal | float, drawdown: float
) -> EquityPoint:
    return EquityPoint(at, float(equity), float(cash), float(equity) - float(cash), drawdown)
