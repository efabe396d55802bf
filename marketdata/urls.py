"""Pages of market data."""

from __future__ import annotations

from django.urls import path

from marketdata import views

app_name = "marketdata"

urlpatterns = [
    path("markets/dead-letters/", views.dead_letters, name="dead-letters"),
    path("markets/<slug:exchange>/<str:name>/", views.symbol, name="symbol"),
    path("markets/<slug:exchange>/<str:name>/watch/", views.symbol_watch, name="symbol-watch"),
    path("charts/candles/<int:symbol_id>/", views.candle_points, name="candle-points"),
    path("charts/indicators/<int:spec_id>/", views.indicator_points, name="indicator-points"),
]
