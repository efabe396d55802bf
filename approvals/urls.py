"""Pages of this room."""

from __future__ import annotations

from django.urls import path

from approvals import ai_views, views, workbench_views
from approvals.approval_urls import urlpatterns as approval_urls

app_name = "approvals"
_VERSION = "strategies/<slug:name>/versions/<int:number>"

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
    path("advice/", ai_views.ai_log, name="ai-log"),
    path("advice/test/", ai_views.llm_test, name="llm-test"),
    path("advice/calls/<int:call_id>/", ai_views.llm_call, name="llm-call"),
    path("suggestions/", ai_views.suggestions, name="suggestions"),
    path("suggestions/<int:suggestion_id>/", ai_views.suggestion, name="suggestion"),
    path("reviews/new/", ai_views.review_new, name="review-new"),
    path("reviews/<int:review_id>/", ai_views.review, name="review"),
    path(f"{_VERSION}/", workbench_views.version, name="version"),
    path(f"{_VERSION}/retire/", workbench_views.version_retire, name="version-retire"),
    *approval_urls,
    path("push-worker.js", views.push_worker, name="push-worker"),
]
