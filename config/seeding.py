"""What a first start finds: people, roles, strategies and a console that is alive."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User

from config import clock
from marketdata import services as marketdata_services
from marketdata.errors import ExchangeUnavailable
from marketdata.exchanges import exchange_for
from marketdata.models import Symbol
from marketdata.timeframes import Timeframe
from strategies import queries as strategy_queries
from strategies import registry
from strategies import services as strategy_services
from trading import access
from trading import services as trading_services
from trading.models import Bot, Simulation

Say = Callable[[str], object]

SIMULATED = "simulated"
# One bot per built-in strategy: name, symbols. One minute, so that something happens soon.
DEMO_BOTS = {
    "buy_and_hold": ("BTC/USDT", "ETH/USDT"),
    "trend_ema": ("BTC/USDT",),
    "trend_ema_fast": ("ETH/USDT",),
    "sma_cross": ("SOL/USDT",),
    "rsi_reversion": ("XRP/USDT",),
}
DEMO_TIMEFRAME = Timeframe.M1
DEMO_HISTORY = 1_500  # candles: more than the longest warm-up
# What the demo simulation asks: is a shorter RSI better than what runs? If it is not worse, it
# becomes the waiting proposal (`approvals.services.offer_demo`).
DEMO_SIMULATED, DEMO_CANDIDATE = "rsi_reversion", {"period": 10}
DEMO_RANGE, DEMO_RANGE_TIMEFRAME = timedelta(days=365), Timeframe.H1


def seed(*, now: datetime, say: Say) -> None:
    """Idempotent: what is there stays as it is."""
    trading_services.ensure_system_state(now=now)
    trading_services.sync_roles()
    _seed_people(now=now)
    strategy_services.sync_strategies(now=now)
    strategy_services.sync_agents(now=now)
    for name in settings.ENV.exchanges:
        _seed_symbols(name, now=now, say=say)
    if settings.ENV.seed_demo and SIMULATED in settings.ENV.exchanges:
        _seed_demo(now=now, say=say)
        _seed_demo_simulation(now=now, say=say)


def first_login_file() -> Path:
    """Where the first password waits to be shown; gone once somebody has logged in with it."""
    return Path(settings.STATE_DIR) / "secrets" / "first_login"


def _seed_people(*, now: datetime) -> None:
    env = settings.ENV
    given = {
        access.ADMIN: env.auth_admin_password,
        access.OPERATOR: env.auth_operator_password,
        access.VIEWER: env.auth_viewer_password,
    }
    if not User.objects.exists() and not given[access.ADMIN]:
        given[access.ADMIN] = secrets.token_urlsafe(9)
        _remember(given[access.ADMIN])
    for role, password in given.items():
        if password:
            trading_services.create_user(username=role, password=password, role=role, now=now)


def _remember(password: str) -> None:
    path = first_login_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(password)


def _seed_symbols(name: str, *, now: datetime, say: Say) -> None:
    """The catalogue; the real exchanges' symbols of the setting SYMBOLS are watched."""
    try:
        marketdata_services.sync_symbols(exchange=exchange_for(name), now=now)
    except ExchangeUnavailable as error:
        say(f"  {name} can't be reached now ({error.detail}); the feed keeps trying")
        return
    rows = Symbol.objects.filter(exchange=name)
    watched = rows if name == SIMULATED else rows.filter(name__in=settings.ENV.symbols)
    for symbol in watched:
        marketdata_services.watch_symbol(symbol=symbol)


def _seed_demo(*, now: datetime, say: Say) -> None:
    """A little history and one running paper bot per strategy, unless there ever was a bot."""
    if Bot.objects.exists():
        return
    for name, symbols in DEMO_BOTS.items():
        _demo_bot(name, symbols, now=now)
    say(f"  {len(DEMO_BOTS)} demo bots trade on the simulated exchange")


def _seed_demo_simulation(*, now: datetime, say: Say) -> None:
    """A year of candles and a simulation on them, as jobs: the start doesn't wait for them."""
    if Simulation.objects.exists():
        return
    symbol = Symbol.objects.get(exchange=SIMULATED, name="BTC/USDT")
    to_ms = Timeframe.D1.floor(clock.to_ms(now))
    from_ms = to_ms - int(DEMO_RANGE.total_seconds() * 1000)
    timeframe = str(DEMO_RANGE_TIMEFRAME)
    history = trading_services.start_backfill(
        symbol=symbol, timeframe=timeframe, from_ms=from_ms, to_ms=to_ms, by=None, now=now
    )
    trading_services.simulate_strategy(
        strategy=DEMO_SIMULATED,
        asked={
            "params": DEMO_CANDIDATE,
            "symbols": [str(symbol)],
            "timeframe": timeframe,
            "from_ms": from_ms,
            "to_ms": to_ms,
        },
        by=None,
        now=now,
        after=history,
    )
    say("  A demo simulation runs once its candles are there")


def _demo_bot(strategy: str, symbols: tuple[str, ...], *, now: datetime) -> None:
    found = Symbol.objects.filter(exchange=SIMULATED, name__in=symbols)
    rows = {symbol.name: symbol for symbol in found}
    for symbol in found:
        _load_history(symbol, now=now)
    bot = trading_services.create_bot(
        name=f"Demo {registry.get(strategy).title}",
        symbols=[rows[name] for name in symbols],
        timeframe=DEMO_TIMEFRAME,
        version=strategy_queries.active_version(strategy),
        by=None,
        now=now,
    )
    trading_services.start_bot(bot_id=bot.pk, by=None, now=now)


def _load_history(symbol: Symbol, *, now: datetime) -> None:
    """What a strategy must have seen before it may start."""
    end_ms = DEMO_TIMEFRAME.floor(clock.to_ms(now))
    marketdata_services.backfill_candles(
        symbol=symbol,
        timeframe=DEMO_TIMEFRAME,
        from_ms=end_ms - DEMO_HISTORY * DEMO_TIMEFRAME.ms,
        to_ms=end_ms,
        now=now,
    )
