"""Routes of the strategies API."""

from __future__ import annotations

from django.urls import path

from strategies import api

urlpatterns = [
    path("strategies", api.StrategiesView.as_view(), name="strategies"),
    path("strategies/<str:strategy>", api.StrategyView.as_view(), name="strategy"),
]
