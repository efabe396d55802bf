"""The REST surface: every route once, under /api/v1/ and, the same, under /api/."""

from __future__ import annotations

from django.urls import include, path

routes = []

urlpatterns = [
    path("api/v1/", include((routes, "api"), namespace="api")),
    path("api/", include((routes, "api"), namespace="api-unversioned")),
]
