"""Routes of the market data API."""

from __future__ import annotations

from django.urls import path

from marketdata import api, feature_api

urlpatterns = [
    path("symbols", api.SymbolsView.as_view(), name="symbols"),
    path("tickers", api.TickersView.as_view(), name="tickers"),
    path("market/tickers", api.TickersView.as_view(), name="market-tickers"),
    path("candles", api.CandlesView.as_view(), name="candles"),
    path("market/ohlcv", api.OhlcvView.as_view(), name="ohlcv"),
    path("indicators", api.IndicatorsView.as_view(), name="indicators"),
    path("signals", feature_api.SignalsView.as_view(), name="signals"),
    path("signals_tf", feature_api.FrameSignalsView.as_view(), name="signals-tf"),
    path("debug/state", feature_api.DebugStateView.as_view(), name="debug-state"),
    path("debug/features", feature_api.DebugFeaturesView.as_view(), name="debug-features"),
    path("annotations", api.AnnotationsView.as_view(), name="annotations"),
    path("annotations/<int:annotation_id>", api.AnnotationView.as_view(), name="annotation"),
]
