"""Routes of approvals in the API."""

from __future__ import annotations

from django.urls import path

from approvals import approval_api as api
from approvals import limit_api, live_api, outlook_api

_BOT_LIMITS = limit_api.BotLimitsRequestView.as_view()
_ACCOUNT_LIMITS = limit_api.AccountLimitsRequestView.as_view()
_VERSION = "strategies/<str:strategy>/versions/<int:number>"

urlpatterns = [
    path("grants", live_api.GrantsView.as_view(), name="grants"),
    path(
        "grants/<int:grant_id>/approve", live_api.GrantApproveView.as_view(), name="grant-approve"
    ),
    path("bots/<int:bot_id>/limits/request", _BOT_LIMITS, name="bot-limits-request"),
    path(
        "accounts/<int:account_id>/limits/request", _ACCOUNT_LIMITS, name="account-limits-request"
    ),
    path("approvals", api.ApprovalsView.as_view(), name="approvals"),
    path("approvals/expire-check", api.ExpireCheckView.as_view(), name="approvals-expire-check"),
    path("approvals/resume", api.ResumeRequestView.as_view(), name="approvals-resume"),
    path("approvals/<int:approval_id>", api.ApprovalView.as_view(), name="approval"),
    path(
        "approvals/<int:approval_id>/approve",
        api.ApprovalApproveView.as_view(),
        name="approval-approve",
    ),
    path(
        "approvals/<int:approval_id>/reject",
        api.ApprovalRejectView.as_view(),
        name="approval-reject",
    ),
    path(
        "approvals/<int:approval_id>/comment",
        api.ApprovalCommentView.as_view(),
        name="approval-comment",
    ),
    path(
        "approvals/<int:approval_id>/withdraw",
        api.ApprovalWithdrawView.as_view(),
        name="approval-withdraw",
    ),
    path(
        "approvals/<int:approval_id>/outlook",
        outlook_api.OutlookView.as_view(),
        name="approval-outlook",
    ),
    path("approval-policies", api.PoliciesView.as_view(), name="approval-policies"),
    path("approval-policies/<str:policy>", api.PolicyView.as_view(), name="approval-policy"),
    path(f"{_VERSION}/request", api.VersionRequestView.as_view(), name="version-request"),
    path(f"{_VERSION}/approve", api.VersionApproveView.as_view(), name="version-approve"),
    path(f"{_VERSION}/activate", api.VersionActivateView.as_view(), name="version-activate"),
    path(f"{_VERSION}/rollback", api.VersionRollbackView.as_view(), name="version-rollback"),
    path(f"{_VERSION}/retire", api.VersionRetireView.as_view(), name="version-retire"),
]
# As the first console of these bots called them; only below the unversioned prefix.
aliases = [
    path("ai/approvals", api.ApprovalsView.as_view(), name="ai-approvals"),
    path("ai/approvals/expire-check", api.ExpireCheckView.as_view(), name="ai-expire-check"),
    path("ai/approvals/<int:approval_id>", api.ApprovalView.as_view(), name="ai-approval"),
    path(
        "ai/approvals/<int:approval_id>/approve",
        api.ApprovalApproveView.as_view(),
        name="ai-approval-approve",
    ),
    path(
        "ai/approvals/<int:approval_id>/reject",
        api.ApprovalRejectView.as_view(),
        name="ai-approval-reject",
    ),
]
