"""REST doors of live features: what the feed put on the bus, for tiles and for a closer look."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import clock
from config.query_params import text
from marketdata import access, live_features, queries
from marketdata.exchanges.protocol import CandleRow
from marketdata.feature_serializers import (
    DebugFeaturesSerializer,
    DebugStateSerializer,
    FrameSignalsSerializer,
    SignalsSerializer,
)
from marketdata.features import FRAMES, LiveState
from marketdata.models import Symbol

SYMBOL = OpenApiParameter(
    "symbol", str, required=True, description="BTC/USDT, BTCUSDT or simulated:BTC/USDT."
)
TILE = ("mom1_bps", "mom5_bps", "rvol_vs_recent", "px_vs_vwap_bps", "best_bid", "best_ask")
FRAME_NUMBERS = ("mom_bps", "px_vs_vwap_bps", "rvol", "atr")
TAIL = 5


class SignalsView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(parameters=[SYMBOL], responses=SignalsSerializer)
    def get(self, request: Request) -> Response:
        """Momentum, volume and quotes of one symbol; nulls while nobody follows it."""
        symbol, state = _asked(request)
        numbers = {name: getattr(state, name, None) for name in (*TILE, "last_price")}
        cached = state.trades_cached if state else 0
        return Response({**_head(symbol, state), **numbers, "trades_cached": cached})


class FrameSignalsView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(parameters=[SYMBOL], responses=FrameSignalsSerializer)
    def get(self, request: Request) -> Response:
        """Momentum, VWAP distance, relative volume and ATR of 1m, 5m and 15m bars."""
        symbol, state = _asked(request)
        return Response({**_head(symbol, state), **_frame_numbers(state)})


class DebugStateView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(parameters=[SYMBOL], responses=DebugStateSerializer)
    def get(self, request: Request) -> Response:
        """What the feed keeps of a symbol: counts, the last trade, the newest bars."""
        symbol, state = _asked(request)
        bars = live_features.get_bars(symbol.pk).get("1m", [])
        head = {"symbol": symbol.name, "exchange": symbol.exchange}
        return Response(
            {**head, **_kept(state), "bars_1m_tail": [_bar(row) for row in bars[-TAIL:]]}
        )


class DebugFeaturesView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(parameters=[SYMBOL], responses=DebugFeaturesSerializer)
    def get(self, request: Request) -> Response:
        """All features of a symbol as agents see them."""
        symbol, state = _asked(request)
        names = ("mom1_bps", "mom5_bps", "px_vs_vwap_bps", "spread_bps")
        return Response(
            {
                **_head(symbol, state),
                **_frame_numbers(state),
                **{name: getattr(state, name, None) for name in names},
                "bars": {str(frame): _bar_count(state, frame) for frame in FRAMES},
                "timestamp": clock.from_ms(state.at_ms) if state else None,
            }
        )


def _asked(request: Request) -> tuple[Symbol, LiveState | None]:
    symbol = queries.resolve_symbol(text(request.query_params, "symbol"))
    return symbol, live_features.get_state(symbol.pk)


def _head(symbol: Symbol, state: LiveState | None) -> dict[str, Any]:
    age_s = state.age_s(clock.now_ms()) if state else None
    return {"symbol": symbol.name, "exchange": symbol.exchange, "age_s": age_s}


def _frame_numbers(state: LiveState | None) -> dict[str, float | None]:
    frames = state.frames if state else {}
    return {
        f"{name}_{frame}": getattr(frames.get(frame), name, None)
        for name in FRAME_NUMBERS
        for frame in FRAMES
    }


def _bar_count(state: LiveState | None, frame: str) -> int:
    features = state.frames.get(frame) if state else None
    return features.bars if features else 0


def _kept(state: LiveState | None) -> dict[str, Any]:
    """Counts and the newest trade, which is a list of none or one."""
    last: list[dict[str, Any]] = []
    if state and state.last_at_ms:
        at = clock.from_ms(state.last_at_ms)
        last = [
            {
                "price": state.last_price,
                "qty": state.last_qty,
                "buy": state.last_buy,
                "timestamp": at,
            }
        ]
    age_s = max(0, clock.now_ms() - state.last_at_ms) / 1000 if state and state.last_at_ms else None
    counts = ("trades_cached", "duplicates", "refused")
    return {
        **{name: getattr(state, name, 0) for name in counts},
        **{name: getattr(state, name, None) for name in ("spread_bps", "bid_depth", "ask_depth")},
        "last_trade": last,
        "last_trade_age_s": age_s,
        "bars_1m_count": _bar_count(state, FRAMES[0]),
    }


def _bar(row: CandleRow) -> dict[str, float]:
    names = ("open_ms", "open", "high", "low", "close", "volume")
    return dict(zip(names, row, strict=True))
