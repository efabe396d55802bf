"""Pages of strategies."""

from __future__ import annotations

from django.urls import path

from strategies import views

app_name = "strategies"

urlpatterns = [
    path("strategies/", views.strategies, name="strategies"),
    path("strategies/<slug:name>/", views.strategy, name="strategy"),
]
