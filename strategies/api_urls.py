"""Routes of the strategies API."""

from __future__ import annotations

from django.urls import path

from strategies import api, finding_api

urlpatterns = [
    path("agents", finding_api.AgentsView.as_view(), name="agents"),
    path("findings", finding_api.FindingsView.as_view(), name="findings"),
    path("posture", finding_api.PostureView.as_view(), name="posture"),
    path("latest", finding_api.LatestView.as_view(), name="latest"),
    path("strategies", api.StrategiesView.as_view(), name="strategies"),
    path("strategies/<str:strategy>", api.StrategyView.as_view(), name="strategy"),
]
