"""Is everything there that trading needs?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db.models import Q

from config import clock
from marketdata import queries as marketdata_queries
from marketdata import store
from marketdata.models import Circuit, Symbol
from marketdata.quotes import Quote, get_quotes
from marketdata.timeframes import Timeframe
from strategies import queries as strategy_queries
from strategies import registry
from trading.models import Bot, HaltRequest, Heartbeat, Order, SystemState
from trading.order_state import UNRESOLVED
from trading.queries import _live, _protection, _rates, _reconciliation
from trading.queries._bots import bots_for_list

LIVE_GRANTS = "live_grants"
PROTECTED = "positions_protected"


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition of readiness; `reasons` say what is missing."""

    name: str
    ok: bool
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ColdSeries:
    """Candles that a bot's warm-up lacks, `missing` of `needed`, or whose newest is too old."""

    bot_id: int
    bot: str
    symbol: str
    timeframe: str
    needed: int
    missing: int
    stale: bool
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class FeedAge:
    """How old the newest quote of a watched symbol is; None: there never was one."""

    symbol: Symbol
    age_s: float | None
    stale: bool
    quote: Quote | None


def system_state() -> SystemState:
    """The one row. Before the first start: RUNNING, not stored."""
    row = SystemState.objects.filter(pk=1).first()
    return row or SystemState(id=1, changed_at=clock.from_ms(0))


def feed_status(now: datetime, *, also: Collection[int] = ()) -> list[FeedAge]:
    """Every watched symbol, and those of the ids `also`, with the age of its newest quote."""
    now_ms = clock.to_ms(now)
    symbols = list(marketdata_queries.watched_symbols())
    if left := set(also) - {symbol.pk for symbol in symbols}:
        symbols += Symbol.objects.filter(pk__in=left)
    quotes = get_quotes([symbol.pk for symbol in symbols])
    return [_feed_age(symbol, quotes.get(symbol.pk), now_ms) for symbol in symbols]


def traded_ids() -> set[int]:
    """Symbols of bots that run on the feed, whoever took them off the watchlist."""
    running = Bot.objects.running().filter(source=Bot.Source.LIVE_FEED)
    return set(running.values_list("symbols", flat=True))


def start_reasons(bot: Bot, now: datetime) -> list[str]:
    """Why a bot can't start yet; [] when it can or the gate is off."""
    if not settings.ENV.trading_require_data_ready:
        return []
    if bot.is_replay:
        symbols = bot.symbols.order_by("botsymbol__rank")
        return [reason for symbol in symbols for reason in _replay_reasons(bot, symbol)]
    return [f"{one.symbol}: {reason}" for one in _cold(bot, now) for reason in one.reasons]


def cold_series(now: datetime) -> list[ColdSeries]:
    """What the bots that run, or are to run, lack before the scheduler may start; [] if the gate
    is off.
    """
    if not settings.ENV.trading_require_data_ready:
        return []
    live = bots_for_list().filter(
        Q(status=Bot.Status.RUNNING) | Q(stop_requested=False), source=Bot.Source.LIVE_FEED
    )
    return [one for bot in live for one in _cold(bot, now)]


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
        _gate("books_agree", _reconciliation.books_reasons(now)),
        _gate("live_accounts", _live.live_account_reasons(now)),
        _gate("rate_budget", _rates.rate_reasons()),
        _gate(LIVE_GRANTS, _live.live_grant_reasons(now)),
        _gate(PROTECTED, _protection.unprotected_reasons()),
    ]


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


def _cold(bot: Bot, now: datetime) -> list[ColdSeries]:
    strategy = registry.get(bot.version.strategy.name)
    needed = strategy.warmup(strategy_queries.params_of(bot.version))
    found = []
    for symbol in bot.symbols.order_by("botsymbol__rank"):
        state = marketdata_queries.warmup_state(
            symbol, Timeframe(bot.timeframe), needed, clock.to_ms(now)
        )
        if state.reasons:
            found.append(
                ColdSeries(
                    bot_id=bot.pk,
                    bot=bot.name,
                    symbol=symbol.name,
                    timeframe=bot.timeframe,
                    needed=needed,
                    missing=state.missing,
                    stale=state.stale,
                    reasons=state.reasons,
                )
            )
    return found


def _warm_reasons(now: datetime) -> list[str]:
    return [
        f"{one.bot}: {one.symbol}: {reason}" for one in cold_series(now) for reason in one.reasons
    ]


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
