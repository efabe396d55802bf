"""REST doors of market data. Candles and indicator series go out as raw rows, past serializers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
    extend_schema_view,
)
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import clock
from config.permissions import person
from config.query_params import comma_list, optional_choice, optional_ms, text, whole_number
from config.rendering import json_response
from marketdata import access, queries, quotes, store
from marketdata.errors import AnnotationUnknown, IndicatorNotStored
from marketdata.exchanges.protocol import CandleRow
from marketdata.indicators import Spec, lines
from marketdata.models import Annotation, IndicatorSpec, Symbol
from marketdata.serializers import (
    AnnotationChangeSerializer,
    AnnotationCreateSerializer,
    AnnotationSerializer,
    CandlesSerializer,
    IndicatorSerializer,
    SymbolSerializer,
    TickerSerializer,
)
from marketdata.services import drawings
from marketdata.timeframes import Timeframe

MAX_CANDLES = 5000

SYMBOL = OpenApiParameter(
    "symbol", str, required=True, description="BTC/USDT, BTCUSDT or simulated:BTC/USDT."
)
INTERVAL = OpenApiParameter("interval", enum=[item.value for item in Timeframe], required=True)
TIMEFRAME = OpenApiParameter("timeframe", enum=[item.value for item in Timeframe], required=True)
FROM = OpenApiParameter("from", OpenApiTypes.STR, description="ISO 8601 or ms; inclusive.")
TO = OpenApiParameter("to", OpenApiTypes.STR, description="ISO 8601 or ms; exclusive.")
LIMIT = OpenApiParameter(
    "limit", int, description=f"1 to {MAX_CANDLES} (default 500); without `from` the newest."
)


@extend_schema_view(
    get=extend_schema(
        parameters=[
            OpenApiParameter("exchange", str),
            OpenApiParameter("search", str, description="Part of the name or of an asset."),
            OpenApiParameter("status", enum=Symbol.Status.values),
            OpenApiParameter("watched", bool),
        ]
    )
)
class SymbolsView(ListAPIView[Symbol]):
    """The catalogue with precision, minimums and status."""

    permission_classes = (access.MayView,)
    serializer_class = SymbolSerializer

    def get_queryset(self) -> QuerySet[Symbol]:
        params = self.request.query_params
        found = Symbol.objects.all()
        if exchange := params.get("exchange"):
            found = found.filter(exchange=exchange.lower())
        if search := params.get("search", "").strip().upper():
            joined = search.replace("/", "").replace("-", "")
            found = found.filter(Q(name__contains=search) | Q(base=joined) | _spelled(joined))
        if status := optional_choice(params, "status", Symbol.Status.values):
            found = found.filter(status=status)
        if watched := optional_choice(params, "watched", ["true", "false"]):
            found = found.filter(watched=watched == "true")
        return found


class TickersView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(
        parameters=[
            OpenApiParameter("symbols", str, description="BTC/USDT,ETH/USDT; else all watched.")
        ],
        responses=TickerSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """The newest prices; a symbol that never had one has nulls."""
        names = comma_list(request.query_params, "symbols")
        symbols = [queries.resolve_symbol(name) for name in names] or list(
            queries.watched_symbols()
        )
        live = quotes.get_quotes(symbol.pk for symbol in symbols)
        return Response([_ticker(symbol, live.get(symbol.pk)) for symbol in symbols])


class CandlesView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(parameters=[SYMBOL, INTERVAL, FROM, TO, LIMIT], responses=CandlesSerializer)
    def get(self, request: Request) -> HttpResponse:
        """Stored, closed candles, oldest first, with close times and the holes among them."""
        params = request.query_params
        symbol, timeframe = _series(request, "interval")
        start, stop, limit = _window(request, timeframe)
        rows = store.candle_rows(symbol.pk, timeframe, from_ms=start, to_ms=stop, limit=limit)
        holes = _holes(symbol, timeframe, rows, start if params.get("from") else None)
        head = {"symbol": symbol.name, "exchange": symbol.exchange, "interval": timeframe.value}
        return json_response(
            orjson.dumps({**head, "candles": _candles(rows, timeframe.ms), "gaps": holes})
        )


class OhlcvView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(
        parameters=[SYMBOL, TIMEFRAME, LIMIT],
        responses={
            200: {
                "type": "array",
                "items": {"type": "array", "items": {"type": "number"}, "minItems": 6},
            }
        },
        examples=[
            OpenApiExample(
                "Two candles",
                value=[
                    [1704067200000, 42283.58, 42554.57, 42261.02, 42475.23, 1271.68],
                    [1704070800000, 42475.23, 42775, 42431.65, 42613.56, 1196.37],
                ],
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        """[open_ms, open, high, low, close, volume] of the newest candles, oldest first."""
        symbol, timeframe = _series(request, "timeframe")
        limit = whole_number(
            request.query_params, "limit", default=500, lowest=1, highest=MAX_CANDLES
        )
        return json_response(store.candle_rows_json(symbol.pk, timeframe, limit=limit))


class IndicatorsView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(
        parameters=[
            SYMBOL,
            INTERVAL,
            OpenApiParameter("name", str, required=True),
            OpenApiParameter("params", str, description='JSON: {"period": 20}; else the default.'),
            FROM,
            TO,
            LIMIT,
        ],
        responses=IndicatorSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        """A stored series; no value before the first defined candle."""
        symbol, timeframe = _series(request, "interval")
        spec = Spec.of(text(request.query_params, "name"), _json_object(request, "params"))
        row = _stored_spec(symbol, timeframe, spec)
        start, stop, limit = _window(request, timeframe)
        series = store.indicator_rows(
            row.pk, lines(spec.name), from_ms=start, to_ms=stop, limit=limit
        )
        answer = {
            "symbol": symbol.name,
            "exchange": symbol.exchange,
            "interval": timeframe.value,
            "name": spec.name,
            "params": dict(spec.params),
            "params_hash": spec.params_hash,
            "lines": series,
        }
        return json_response(orjson.dumps(answer))


class ReadOrDraw(APIView):
    """Viewers look, operators draw."""

    def get_permissions(self) -> list[BasePermission]:
        reads = self.request.method in SAFE_METHODS
        return [access.MayView() if reads else access.MayOperate()]


@extend_schema_view(get=extend_schema(parameters=[OpenApiParameter("symbol", str)]))
class AnnotationsView(ReadOrDraw, ListAPIView[Annotation]):
    """Drawings, the newest first."""

    serializer_class = AnnotationSerializer

    def get_queryset(self) -> QuerySet[Annotation]:
        name = self.request.query_params.get("symbol")
        found = Annotation.objects.select_related("symbol", "created_by")
        return found.filter(symbol=queries.resolve_symbol(name)) if name else found

    @extend_schema(request=AnnotationCreateSerializer, responses={201: AnnotationSerializer})
    def post(self, request: Request) -> Response:
        """Draw."""
        asked = AnnotationCreateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given: dict[str, Any] = dict(asked.validated_data)
        given["symbol"] = queries.resolve_symbol(given["symbol"])
        drawn = drawings.create_annotation(by=person(request), now=clock.now(), **given)
        return Response(AnnotationSerializer(drawn).data, status=201)


class AnnotationView(ReadOrDraw):
    @extend_schema(responses=AnnotationSerializer)
    def get(self, request: Request, annotation_id: int) -> Response:
        """One drawing."""
        found = Annotation.objects.select_related("symbol", "created_by")
        annotation = found.filter(pk=annotation_id).first()
        if annotation is None:
            raise AnnotationUnknown(f"There is no annotation {annotation_id}.")
        return Response(AnnotationSerializer(annotation).data)

    @extend_schema(request=AnnotationChangeSerializer, responses=AnnotationSerializer)
    def patch(self, request: Request, annotation_id: int) -> Response:
        """Move, restyle or relabel a drawing."""
        asked = AnnotationChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        changed = drawings.change_annotation(
            annotation_id=annotation_id, changes=asked.validated_data
        )
        return Response(AnnotationSerializer(changed).data)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, annotation_id: int) -> Response:
        """Wipe a drawing away."""
        drawings.delete_annotation(annotation_id=annotation_id)
        return Response(status=204)


def _spelled(joined: str) -> Q:
    """BTCUSDT as well as BTC/USDT: the part that ends where the quote begins."""
    cuts = range(1, len(joined))
    spelled = Q(pk__in=[])
    for cut in cuts:
        spelled |= Q(base=joined[:cut], quote=joined[cut:])
    return spelled


def _ticker(symbol: Symbol, quote: quotes.Quote | None) -> dict[str, Any]:
    return {
        "symbol": symbol.name,
        "exchange": symbol.exchange,
        "price": quote.last if quote else None,
        "change_24h": quote.change_24h if quote else None,
        "volume_24h": quote.volume_24h if quote else None,
        "bid": quote.bid if quote else None,
        "ask": quote.ask if quote else None,
        "timestamp": clock.from_ms(quote.at_ms) if quote else None,
    }


def _series(request: Request, name: str) -> tuple[Symbol, Timeframe]:
    timeframe = queries.timeframe_of(text(request.query_params, name))
    return queries.resolve_symbol(text(request.query_params, "symbol")), timeframe


def _window(request: Request, timeframe: Timeframe) -> tuple[int | None, int | None, int]:
    """(from, to, limit); with a `from` the window holds the first `limit` candles after it."""
    params = request.query_params
    limit = whole_number(params, "limit", default=500, lowest=1, highest=MAX_CANDLES)
    start, stop = optional_ms(params, "from"), optional_ms(params, "to")
    if start is not None and stop is not None and stop <= start:
        raise ValidationError({"to": ["Must be after `from`."]})
    if start is not None:
        last = -(-start // timeframe.ms) * timeframe.ms + limit * timeframe.ms
        stop = last if stop is None else min(stop, last)
    return start, stop, limit


def _candles(rows: Sequence[CandleRow], length_ms: int) -> list[dict[str, float]]:
    return [
        {
            "open_ms": row[0],
            "close_ms": row[0] + length_ms,
            "open": row[1],
            "high": row[2],
            "low": row[3],
            "close": row[4],
            "volume": row[5],
        }
        for row in rows
    ]


def _holes(
    symbol: Symbol, timeframe: Timeframe, rows: Sequence[CandleRow], start: int | None
) -> list[dict[str, int]]:
    """Holes between the rows, and before the first one if a start was asked for."""
    if not rows:
        return []
    first = rows[0][0] if start is None else start
    whole = rows[-1][0] - first < len(rows) * timeframe.ms
    missing = [] if whole else queries.missing_candles(symbol, timeframe, first, rows[-1][0])
    return [
        {"from_ms": hole.from_ms, "to_ms": hole.to_ms, "candles": hole.candles} for hole in missing
    ]


def _json_object(request: Request, name: str) -> dict[str, Any]:
    raw = request.query_params.get(name) or "{}"
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise ValidationError({name: ['Must be a JSON object such as {"period": 20}.']})
    return value


def _stored_spec(symbol: Symbol, timeframe: Timeframe, spec: Spec) -> IndicatorSpec:
    kept = IndicatorSpec.objects.filter(symbol=symbol, timeframe=timeframe)
    row = kept.filter(name=spec.name, params_hash=spec.params_hash).first()
    if row is None:
        known = sorted({f"{each.name} {each.params}" for each in kept})
        raise IndicatorNotStored(
            f"{spec.name} with these parameters isn't kept for {symbol} {timeframe}.",
            fields={"kept": known},
        )
    return row
