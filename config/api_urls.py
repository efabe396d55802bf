"""The REST surface: every route once, under /api/v1/ and, the same, under /api/."""

from __future__ import annotations

from django.urls import include, path

from approvals.api_urls import aliases as approval_aliases
from approvals.api_urls import urlpatterns as approval_urls
from config import api_docs, health, sse
from marketdata.api_urls import urlpatterns as marketdata_routes
from strategies.api_urls import urlpatterns as strategies_routes
from trading.api_urls import aliases
from trading.api_urls import urlpatterns as trading_routes

routes = [
    path("health", health.HealthView.as_view(), name="health"),
    path("sse", sse.SseView.as_view(), name="sse"),
    path("schema", api_docs.SchemaView.as_view(), name="schema"),
    path("docs", api_docs.docs_page, name="docs"),
    *marketdata_routes,
    *approval_urls,
    *strategies_routes,
    *trading_routes,
]
unversioned = [*routes, *aliases, *approval_aliases]

urlpatterns = [
    path("api/v1/", include((routes, "api"), namespace="api")),
    path("api/", include((unversioned, "api"), namespace="api-unversioned")),
    path("sse", sse.SseView.as_view(), name="sse"),
    path("health", health.health_view, name="health"),
    path("db-health", health.db_health_view, name="db-health"),
    path("health/live", health.live_view, name="health-live"),
    path("health/ready", health.ready_view, name="health-ready"),
    path("metrics", health.metrics_view, name="metrics"),
]
