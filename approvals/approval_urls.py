"""Pages of approvals."""

from __future__ import annotations

from django.urls import path

from approvals import approval_views as views
from approvals import limit_views, live_views

urlpatterns = [
    path("bots/<int:bot_id>/live/ask/", live_views.grant_ask, name="grant-ask"),
    path("grants/<int:grant_id>/approve/", live_views.grant_approve, name="grant-approve"),
    path("bots/<int:bot_id>/limits/ask/", limit_views.bot_limits_ask, name="bot-limits-ask"),
    path(
        "exchange-accounts/<int:account_id>/limits/ask/",
        limit_views.account_limits_ask,
        name="account-limits-ask",
    ),
    path("approvals/", views.approvals, name="approvals"),
    path("approvals/resume/", views.resume_ask, name="resume-ask"),
    path("approvals/policies/", views.policies, name="policies"),
    path("approvals/policies/<slug:kind>/", views.policy_change, name="policy-change"),
    path("approvals/waiver/", views.waiver_grant, name="waiver-grant"),
    path("approvals/waiver/<int:waiver_id>/revoke/", views.waiver_revoke, name="waiver-revoke"),
    path("approvals/<int:approval_id>/", views.approval, name="approval"),
    path("approvals/<int:approval_id>/approve/", views.approval_approve, name="approval-approve"),
    path("approvals/<int:approval_id>/reject/", views.approval_reject, name="approval-reject"),
    path("approvals/<int:approval_id>/comment/", views.approval_comment, name="approval-comment"),
    path(
        "approvals/<int:approval_id>/withdraw/", views.approval_withdraw, name="approval-withdraw"
    ),
    path(
        "strategies/<slug:name>/versions/<int:number>/request/",
        views.approval_new,
        name="approval-new",
    ),
    path(
        "strategies/<slug:name>/versions/<int:number>/activate/",
        views.version_activate,
        name="version-activate",
    ),
    path("strategies/<slug:name>/rollback/", views.version_rollback, name="version-rollback"),
]
