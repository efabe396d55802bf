"""What agents look at, in tests: say only what matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from config import clock
from marketdata import live_features
from marketdata.exchanges.protocol import CandleRow
from marketdata.features import FrameFeatures, LiveState
from marketdata.models import Symbol
from strategies.agents import Analyst, Look, Noticed, Standing
from tests.marketdata.factories import NOW

MINUTE = 60_000


def make_frame(**given: Any) -> FrameFeatures:
    values: dict[str, Any] = {
        "mom_bps": 0.0,
        "px_vs_vwap_bps": 0.0,
        "rvol": 1.0,
        "atr": 0.5,
        "bars": 100,
        "volume": 10.0,
    }
    return FrameFeatures(**{**values, **given})


def make_state(
    *,
    at: datetime = NOW,
    symbol: str = "BTC/USDT",
    frames: Mapping[str, FrameFeatures] | None = None,
    **given: Any,
) -> LiveState:
    """A calm market at 100 with an ATR of 50 bps; `frames` replaces some of its lengths."""
    at_ms = clock.to_ms(at)
    values: dict[str, Any] = {
        "exchange": "simulated",
        "symbol": symbol,
        "at_ms": at_ms,
        "trades_cached": 500,
        "last_price": 100.0,
        "last_qty": 1.0,
        "last_buy": True,
        "last_at_ms": at_ms,
        "best_bid": 99.99,
        "best_ask": 100.01,
        "book_at_ms": at_ms,
        "spread_bps": 2.0,
        "bid_depth": 10_000.0,
        "ask_depth": 10_000.0,
        "mom1_bps": 0.0,
        "mom5_bps": 0.0,
        "px_vs_vwap_bps": 0.0,
    }
    calm = {frame: make_frame() for frame in ("1m", "5m", "15m")}
    return LiveState(**{**values, **given}, frames={**calm, **(frames or {})})


def make_look(
    state: LiveState | None = None,
    *,
    bars: Mapping[str, Sequence[CandleRow]] | None = None,
    standing: Standing | None = None,
    findings: Sequence[Noticed] = (),
    now: datetime = NOW,
    analyst: Analyst | None = None,
) -> Look:
    return Look(
        state=state or make_state(),
        bars=bars or {},
        standing=standing or Standing(),
        findings=findings,
        now=now,
        analyst=analyst,
    )


def flat_bars(many: int, *, price: float = 100.0, length_ms: int = MINUTE) -> list[CandleRow]:
    """Closed bars at one price."""
    return [(i * length_ms, price, price + 0.2, price - 0.2, price, 1.0) for i in range(many)]


def follow(symbol: Symbol, *, at: datetime = NOW, **given: Any) -> LiveState:
    """Put a live state of `symbol` on the bus, as the feed does."""
    state = make_state(at=at, symbol=symbol.name, **given)
    live_features.put_states({symbol.pk: state}, {symbol.pk: {"1m": flat_bars(130)}})
    return state


def spiking(symbol: Symbol, *, at: datetime = NOW, rvol: float = 5.0) -> LiveState:
    """A live state that rvol_spike notices."""
    return follow(symbol, at=at, frames={"5m": make_frame(rvol=rvol)})
