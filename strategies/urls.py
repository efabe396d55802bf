"""Pages of strategies."""

from __future__ import annotations

from django.urls import path

from strategies import agent_views, views

app_name = "strategies"

urlpatterns = [
    path("agents/", agent_views.agents, name="agents"),
    path("agents/<slug:agent>/", agent_views.agent, name="agent"),
    path("findings/", agent_views.findings, name="findings"),
    path("posture/", agent_views.postures, name="postures"),
    path("signals/", agent_views.signals, name="signals"),
    path("charts/findings/<int:symbol_id>/", agent_views.finding_points, name="finding-points"),
    path("strategies/", views.strategies, name="strategies"),
    path("strategies/<slug:name>/", views.strategy, name="strategy"),
]
