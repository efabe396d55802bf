"""Every URL: health, the API, sign-in, and the pages of each app."""

from __future__ import annotations

from allauth.account import views as account
from django.contrib import admin
from django.urls import include, path
from django.views.decorators.http import require_http_methods

handler400 = "config.errors.bad_request"
handler403 = "config.errors.forbidden"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"

# A form view of Django's also takes PUT, and redirects whatever else comes.
form = require_http_methods(["GET", "HEAD", "POST"])

urlpatterns = [
    path("", include("config.api_urls")),
    # Only these doors of allauth: no sign-up, no reset by mail.
    path("accounts/login/", form(account.login), name="account_login"),
    path("accounts/logout/", form(account.logout), name="account_logout"),
    path("accounts/password/", form(account.password_change), name="account_change_password"),
    path("admin/", admin.site.urls),
    path("", include("approvals.urls")),
    path("", include("trading.urls")),
    path("", include("strategies.urls")),
    path("", include("marketdata.urls")),
]
