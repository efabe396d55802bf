"""Symbols: the catalogue of each exchange, and which of them the feed follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import transaction

from marketdata.errors import ExchangeUnavailable
from marketdata.exchanges.protocol import Exchange, SymbolSpec
from marketdata.indicators import DEFAULT_SPECS
from marketdata.models import Symbol
from marketdata.services._circuits import ask
from marketdata.services._indicators import subscribe_indicators
from marketdata.services._letters import set_aside
from marketdata.timeframes import Timeframe
from marketdata.validation import symbol_fault

log = structlog.get_logger(__name__)

RULES = (
    "base",
    "quote",
    "status",
    "price_tick",
    "qty_step",
    "min_qty",
    "min_notional",
    "stops",
)


@dataclass(frozen=True, slots=True)
class SymbolSync:
    """What a look at an exchange's catalogue changed."""

    created: int
    changed: int
    unchanged: int
    halted: int  # gone from the catalogue
    rejected: int  # descriptions that make no sense, kept as dead letters


def sync_symbols(*, exchange: Exchange, now: datetime) -> SymbolSync:
    """Take over the exchange's pairs with precision, minimums and status.

    A pair that is gone is halted, never deleted. Pairs of the setting SYMBOLS, and all of a
    local exchange, are watched. Raises ExchangeUnavailable, also for an empty catalogue.
    """
    specs = ask(exchange=exchange, call=exchange.fetch_symbols, now=now)
    faults = {spec.name: fault for spec in specs if (fault := symbol_fault(spec))}
    good = {spec.name: spec for spec in specs if spec.name not in faults}
    if not good:
        raise ExchangeUnavailable(f"{exchange.name} listed no usable symbol")
    with transaction.atomic():
        letters = [({"symbol": name}, fault) for name, fault in faults.items()]
        set_aside(kind="symbol", source=exchange.name, letters=letters, now=now)
        result = _take_over(exchange.name, good, faults, now)
        for symbol in _to_watch(exchange):
            watch_symbol(symbol)
    if result.created or result.changed or result.halted:
        log.info(
            "symbols.synced",
            exchange=exchange.name,
            created=result.created,
            changed=result.changed,
            halted=result.halted,
        )
    return result


def watch_symbol(symbol: Symbol) -> Symbol:
    """Let the feed follow this symbol, with the default indicators on every timeframe."""
    Symbol.objects.filter(pk=symbol.pk, watched=False).update(watched=True)
    symbol.watched = True
    for timeframe in Timeframe:
        subscribe_indicators(symbol=symbol, timeframe=timeframe, specs=DEFAULT_SPECS)
    return symbol


def unwatch_symbol(symbol: Symbol) -> Symbol:
    """The feed lets go of this symbol; what is stored stays."""
    Symbol.objects.filter(pk=symbol.pk).update(watched=False)
    symbol.watched = False
    return symbol


def recorded_symbol(
    *, name: str, price_tick: Decimal, qty_step: Decimal, min_notional: Decimal, now: datetime
) -> Symbol:
    """The symbol of candles that come from files, on the exchange "recorded".

    Its steps are those of the finest digits seen in its files.
    """
    base, quote = name.split("/")
    symbol, created = Symbol.objects.get_or_create(
        exchange="recorded",
        name=name,
        defaults={
            "base": base,
            "quote": quote,
            "price_tick": price_tick,
            "qty_step": qty_step,
            "min_qty": qty_step,
            "min_notional": min_notional,
            "updated_at": now,
        },
    )
    finer = (min(price_tick, symbol.price_tick), min(qty_step, symbol.qty_step))
    if not created and finer != (symbol.price_tick, symbol.qty_step):
        symbol.price_tick, symbol.qty_step = finer
        symbol.min_qty, symbol.updated_at = symbol.qty_step, now
        symbol.save()
    return symbol


def _take_over(
    exchange: str, specs: dict[str, SymbolSpec], faults: dict[str, str], now: datetime
) -> SymbolSync:
    known = {symbol.name: symbol for symbol in Symbol.objects.filter(exchange=exchange)}
    new = [
        _apply(Symbol(exchange=exchange, name=name), spec, now)
        for name, spec in specs.items()
        if name not in known
    ]
    changed = [
        _apply(known[name], spec, now)
        for name, spec in specs.items()
        if name in known and _differs(known[name], spec)
    ]
    gone = _halt([known[name] for name in known.keys() - specs.keys() - faults.keys()], now)
    Symbol.objects.bulk_create(new, batch_size=500)
    Symbol.objects.bulk_update(changed, [*RULES, "updated_at"], batch_size=500)
    return SymbolSync(
        created=len(new),
        changed=len(changed),
        unchanged=len(specs) - len(new) - len(changed),
        halted=gone,
        rejected=len(faults),
    )


def _rules(spec: SymbolSpec) -> dict[str, object]:
    status = Symbol.Status.TRADING if spec.trading else Symbol.Status.HALTED
    return {
        "base": spec.base,
        "quote": spec.quote,
        "status": status,
        "price_tick": spec.price_tick,
        "qty_step": spec.qty_step,
        "min_qty": spec.min_qty,
        "min_notional": spec.min_notional,
        "stops": spec.stops,
    }


def _differs(symbol: Symbol, spec: SymbolSpec) -> bool:
    return any(getattr(symbol, name) != value for name, value in _rules(spec).items())


def _apply(symbol: Symbol, spec: SymbolSpec, now: datetime) -> Symbol:
    for name, value in _rules(spec).items():
        setattr(symbol, name, value)
    symbol.updated_at = now
    return symbol


def _halt(symbols: Sequence[Symbol], now: datetime) -> int:
    trading = Symbol.objects.filter(
        pk__in=[symbol.pk for symbol in symbols], status=Symbol.Status.TRADING
    )
    return trading.update(status=Symbol.Status.HALTED, updated_at=now)


def _to_watch(exchange: Exchange) -> list[Symbol]:
    unwatched = Symbol.objects.filter(exchange=exchange.name, watched=False)
    if exchange.local:
        return list(unwatched)
    return list(unwatched.filter(name__in=settings.ENV.symbols))
