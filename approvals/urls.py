"""Pages of this room."""

from __future__ import annotations

from django.urls import path

from approvals.views import ai, approvals, limits, live, notifications, workbench

app_name = "approvals"
_VERSION = "strategies/<slug:name>/versions/<int:number>"

urlpatterns = [
    path("notifications/", notifications.channels, name="channels"),
    path("notifications/new/<slug:kind>/", notifications.channel_new, name="channel-new"),
    path("notifications/push/", notifications.push_add, name="push-add"),
    path("notifications/quiet-hours/", notifications.quiet_hours, name="quiet-hours"),
    path("notifications/ledger/", notifications.deliveries, name="deliveries"),
    path(
        "notifications/ledger/<int:delivery_id>/retry/",
        notifications.delivery_retry,
        name="delivery-retry",
    ),
    path("notifications/<int:channel_id>/", notifications.channel, name="channel"),
    path(
        "notifications/<int:channel_id>/change/",
        notifications.channel_change,
        name="channel-change",
    ),
    path(
        "notifications/<int:channel_id>/address/",
        notifications.channel_address,
        name="channel-address",
    ),
    path(
        "notifications/<int:channel_id>/switch/",
        notifications.channel_switch,
        name="channel-switch",
    ),
    path("notifications/<int:channel_id>/test/", notifications.channel_test, name="channel-test"),
    path(
        "notifications/<int:channel_id>/remove/",
        notifications.channel_remove,
        name="channel-remove",
    ),
    path("advice/", ai.ai_log, name="ai-log"),
    path("advice/test/", ai.llm_test, name="llm-test"),
    path("advice/calls/<int:call_id>/", ai.llm_call, name="llm-call"),
    path("suggestions/", ai.suggestions, name="suggestions"),
    path("suggestions/<int:suggestion_id>/", ai.suggestion, name="suggestion"),
    path("reviews/new/", ai.review_new, name="review-new"),
    path("reviews/<int:review_id>/", ai.review, name="review"),
    path(f"{_VERSION}/", workbench.version, name="version"),
    path(f"{_VERSION}/retire/", workbench.version_retire, name="version-retire"),
    path("bots/<int:bot_id>/live/ask/", live.grant_ask, name="grant-ask"),
    path("grants/<int:grant_id>/approve/", live.grant_approve, name="grant-approve"),
    path("bots/<int:bot_id>/limits/ask/", limits.bot_limits_ask, name="bot-limits-ask"),
    path(
        "exchange-accounts/<int:account_id>/limits/ask/",
        limits.account_limits_ask,
        name="account-limits-ask",
    ),
    path("approvals/", approvals.approvals, name="approvals"),
    path("approvals/resume/", approvals.resume_ask, name="resume-ask"),
    path("approvals/policies/", approvals.policies, name="policies"),
    path("approvals/policies/<slug:kind>/", approvals.policy_change, name="policy-change"),
    path("approvals/waiver/", approvals.waiver_grant, name="waiver-grant"),
    path("approvals/waiver/<int:waiver_id>/revoke/", approvals.waiver_revoke, name="waiver-revoke"),
    path("approvals/<int:approval_id>/", approvals.approval, name="approval"),
    path(
        "approvals/<int:approval_id>/approve/", approvals.approval_approve, name="approval-approve"
    ),
    path("approvals/<int:approval_id>/reject/", approvals.approval_reject, name="approval-reject"),
    path(
        "approvals/<int:approval_id>/comment/", approvals.approval_comment, name="approval-comment"
    ),
    path(
        "approvals/<int:approval_id>/withdraw/",
        approvals.approval_withdraw,
        name="approval-withdraw",
    ),
    path(
        f"{_VERSION}/request/",
        approvals.approval_new,
        name="approval-new",
    ),
    path(
        f"{_VERSION}/activate/",
        approvals.version_activate,
        name="version-activate",
    ),
    path("strategies/<slug:name>/rollback/", approvals.version_rollback, name="version-rollback"),
    path("push-worker.js", notifications.push_worker, name="push-worker"),
]
