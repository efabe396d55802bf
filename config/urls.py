"""Every URL: health, the API, sign-in, and the pages of each app."""

from __future__ import annotations

from django.urls import include, path

handler400 = "config.errors.bad_request"
handler403 = "config.errors.forbidden"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"

urlpatterns = [
    path("", include("config.api_urls")),
]
