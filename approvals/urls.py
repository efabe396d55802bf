"""Pages of this room."""

from __future__ import annotations

from django.urls import path

from approvals import views

app_name = "approvals"

urlpatterns = [
    path("notifications/", views.channels, name="channels"),
    path("notifications/new/<slug:kind>/", views.channel_new, name="channel-new"),
    path("notifications/push/", views.push_add, name="push-add"),
    path("notifications/quiet-hours/", views.quiet_hours, name="quiet-hours"),
    path("notifications/ledger/", views.deliveries, name="deliveries"),
    path(
        "notifications/ledger/<int:delivery_id>/retry/", views.delivery_retry, name="delivery-retry"
    ),
    path("notifications/<int:channel_id>/", views.channel, name="channel"),
    path("notifications/<int:channel_id>/change/", views.channel_change, name="channel-change"),
    path("notifications/<int:channel_id>/address/", views.channel_address, name="channel-address"),
    path("notifications/<int:channel_id>/switch/", views.channel_switch, name="channel-switch"),
    path("notifications/<int:channel_id>/test/", views.channel_test, name="channel-test"),
    path("notifications/<int:channel_id>/remove/", views.channel_remove, name="channel-remove"),
    path("push-worker.js", views.push_worker, name="push-worker"),
]
