"""Reads of trading that more than one door needs; rows or frozen values, never a write."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery

from config import clock
from marketdata import queries as marketdata_queries
from marketdata import store
from marketdata.models import Circuit, Symbol
from marketdata.quotes import Quote, get_quotes
from marketdata.timeframes import Timeframe
from strategies import queries as strategy_queries
from strategies import registry
from trading.models import (
    AuditEvent,
    Bot,
    DecisionRecord,
    Fill,
    HaltRequest,
    Heartbeat,
    Job,
    Order,
    PortfolioSnapshot,
    Position,
    SystemState,
    Trade,
)
from trading.order_state import UNRESOLVED

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition of readiness; `reasons` say what is missing."""

    name: str
    ok: bool
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FeedAge:
    """How old the newest quote of a watched symbol is; None: there never was one."""

    symbol: Symbol
    age_s: float | None
    stale: bool
    quote: Quote | None


@dataclass(frozen=True, slots=True)
class BotCard:
    """A bot as lists show it."""

    bot: Bot
    last_decision: DecisionRecord | None
    snapshot: PortfolioSnapshot | None
    open_positions: int
    fills: int
    pnl: Decimal | None  # equity less starting cash; None before the first snapshot
    return_fraction: float | None


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


def system_state() -> SystemState:
    """The one row. Before the first start: RUNNING, not stored."""
    row = SystemState.objects.filter(pk=1).first()
    return row or SystemState(id=1, changed_at=clock.from_ms(0))


def bots_for_list() -> QuerySet[Bot]:
    """All bots with what lists show."""
    return Bot.objects.select_related("version__strategy").prefetch_related("symbols")


def bot_cards(*, bot_id: int | None = None) -> list[BotCard]:
    """One card per bot, in a handful of queries however many bots there are."""
    bots = bots_for_list().annotate(
        fill_count=Count("fills", distinct=True),
        newest_decision=Subquery(_newest(DecisionRecord, "-candle_close_ms")),
        newest_snapshot=Subquery(_newest(PortfolioSnapshot, "-at")),
    )
    rows = list(bots if bot_id is None else bots.filter(pk=bot_id))
    decisions = DecisionRecord.objects.select_related("symbol").in_bulk(
        [row.newest_decision for row in rows if row.newest_decision]
    )
    snapshots = PortfolioSnapshot.objects.in_bulk(
        [row.newest_snapshot for row in rows if row.newest_snapshot]
    )
    held = _held_counts(rows)
    return [
        _card(row, decisions.get(row.newest_decision), snapshots.get(row.newest_snapshot), held)
        for row in rows
    ]


def bot_card(bot_id: int) -> BotCard | None:
    """The card of one bot, None if there is no such bot."""
    return next(iter(bot_cards(bot_id=bot_id)), None)


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


def decisions(bot_id: int) -> QuerySet[DecisionRecord]:
    """Newest first."""
    rows = DecisionRecord.objects.filter(bot_id=bot_id).select_related("symbol")
    return rows.order_by("-candle_close_ms", "-id")


def orders() -> QuerySet[Order]:
    """Newest first, with what lists show."""
    return Order.objects.select_related("symbol", "bot", "intent").prefetch_related("transitions")


def fills() -> QuerySet[Fill]:
    """Newest first."""
    return Fill.objects.select_related("symbol", "bot", "order").order_by("-at", "-id")


def trades() -> QuerySet[Trade]:
    """Round trips, newest first."""
    return Trade.objects.select_related("symbol", "bot").order_by("-opened_at", "-id")


def jobs() -> QuerySet[Job]:
    """Newest first."""
    return Job.objects.select_related("bot", "created_by")


def audit_events() -> QuerySet[AuditEvent]:
    """Newest first."""
    return AuditEvent.objects.order_by("-seq")


def feed_status(now: datetime) -> list[FeedAge]:
    """Every watched symbol with the age of its newest quote."""
    now_ms = clock.to_ms(now)
    symbols = list(marketdata_queries.watched_symbols())
    quotes = get_quotes([symbol.pk for symbol in symbols])
    return [_feed_age(symbol, quotes.get(symbol.pk), now_ms) for symbol in symbols]


def start_reasons(bot: Bot, now: datetime) -> list[str]:
    """Why a bot can't start yet; [] when it can or the gate is off."""
    if not settings.ENV.trading_require_data_ready:
        return []
    strategy = registry.get(bot.version.strategy.name)
    needed = strategy.warmup(strategy_queries.params_of(bot.version))
    symbols = bot.symbols.order_by("botsymbol__rank")
    if bot.is_replay:
        return [reason for symbol in symbols for reason in _replay_reasons(bot, symbol)]
    return [
        f"{symbol.name}: {reason}"
        for symbol in symbols
        for reason in marketdata_queries.warmup_state(
            symbol, Timeframe(bot.timeframe), needed, clock.to_ms(now)
        ).reasons
    ]


def readiness(now: datetime) -> list[Gate]:
    """Each gate with its reasons; trading is ready when all are ok."""
    state = system_state()
    running = state.state == SystemState.State.RUNNING
    return [
        Gate("system_running", running, [] if running else [f"{state.state}: {state.reason}"]),
        _gate("no_halt", [row.reason for row in HaltRequest.objects.filter(lifted_at=None)]),
        _gate("scheduler_on", [] if state.scheduler_on else ["The scheduler is off."]),
        _gate("data_warm", _warm_reasons(now)),
        _gate("feed_fresh", _stale_reasons(now)),
        _gate("exchanges_reachable", _circuit_reasons()),
        _gate("no_unresolved_orders", _unresolved_reasons()),
        _gate("processes_alive", _silent_reasons(now)),
    ]


# Parts


def _newest(model: type[DecisionRecord | PortfolioSnapshot], order: str) -> QuerySet[object]:
    rows = model.objects.filter(bot=OuterRef("pk")).order_by(order)  # type: ignore[attr-defined]
    return rows.values("pk")[:1]  # type: ignore[no-any-return]


def _held_counts(bots: Iterable[Bot]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for bot_id, qty in Position.objects.filter(bot__in=bots).values_list("bot_id", "qty"):
        counts[bot_id] = counts.get(bot_id, 0) + (1 if qty else 0)
    return counts


def _card(
    bot: Bot,
    decision: DecisionRecord | None,
    snapshot: PortfolioSnapshot | None,
    held: dict[int, int],
) -> BotCard:
    pnl = snapshot.equity - bot.starting_cash if snapshot else None
    return BotCard(
        bot=bot,
        last_decision=decision,
        snapshot=snapshot,
        open_positions=held.get(bot.pk, 0),
        fills=getattr(bot, "fill_count", 0),
        pnl=pnl,
        return_fraction=None if pnl is None else float(pnl / bot.starting_cash),
    )


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


def _feed_age(symbol: Symbol, quote: Quote | None, now_ms: int) -> FeedAge:
    age_s = None if quote is None else quote.age_s(now_ms)
    stale = age_s is None or age_s > settings.ENV.ticker_stale_s
    return FeedAge(symbol, age_s, stale, quote)


def _replay_reasons(bot: Bot, symbol: Symbol) -> list[str]:
    first = store.first_open_ms(symbol.pk, bot.timeframe, from_ms=bot.replay_from_ms)
    if first is None or first >= (bot.replay_to_ms or 0):
        return [f"{symbol}: no stored {bot.timeframe} candles in the replay's range"]
    return []


def _gate(name: str, reasons: list[str]) -> Gate:
    return Gate(name, not reasons, reasons)


def _warm_reasons(now: datetime) -> list[str]:
    live = bots_for_list().filter(
        Q(status=Bot.Status.RUNNING) | Q(stop_requested=False), source=Bot.Source.LIVE_FEED
    )
    return [f"{bot.name}: {reason}" for bot in live for reason in start_reasons(bot, now)]


def _stale_reasons(now: datetime) -> list[str]:
    return [
        f"{feed.symbol}: "
        + ("no quote yet" if feed.age_s is None else f"newest quote is {feed.age_s:.0f} s old")
        for feed in feed_status(now)
        if feed.stale
    ]


def _circuit_reasons() -> list[str]:
    broken = Circuit.objects.exclude(state=Circuit.State.CLOSED)
    return [f"{row.exchange}: circuit {row.state} ({row.last_error})" for row in broken]


def _unresolved_reasons() -> list[str]:
    rows = Order.objects.filter(status__in=UNRESOLVED)
    return [f"{order.client_order_id} is {order.status}" for order in rows]


def _silent_reasons(now: datetime) -> list[str]:
    rows = {row.process: row.at for row in Heartbeat.objects.all()}
    return [
        f"{process}: no sign of life"
        + (f" since {rows[process]:%H:%M:%S}" if process in rows else "")
        for process in ("beat", "feed")
        if process not in rows or (now - rows[process]).total_seconds() > 15
    ]
