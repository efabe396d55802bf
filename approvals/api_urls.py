"""Routes of advice and approvals in the API."""

from __future__ import annotations

from django.urls import path

from approvals.api import ai, limits, live, outlooks
from approvals.api import approvals as api

_BOT_LIMITS = limits.BotLimitsRequestView.as_view()
_ACCOUNT_LIMITS = limits.AccountLimitsRequestView.as_view()
_VERSION = "strategies/<str:strategy>/versions/<int:number>"

urlpatterns = [
    path("ai/models", ai.ModelsView.as_view(), name="ai-models"),
    path("ai/health", ai.HealthView.as_view(), name="ai-health"),
    path("ai/llm/status", ai.StatusView.as_view(), name="llm-status"),
    path("ai/llm/test", ai.TestView.as_view(), name="llm-test"),
    path("ai/proposals/generate", ai.GenerateView.as_view(), name="proposals-generate"),
    path("ai/events", ai.EventsView.as_view(), name="ai-events"),
    path("ai/calls", ai.CallsView.as_view(), name="llm-calls"),
    path("ai/calls/<int:call_id>", ai.CallView.as_view(), name="llm-call"),
    path("ai/reviews", ai.ReviewsView.as_view(), name="reviews"),
    path("ai/reviews/<int:review_id>", ai.ReviewView.as_view(), name="review"),
    path("ai-suggestions", ai.SuggestionsView.as_view(), name="suggestions"),
    path("ai-suggestions/<int:suggestion_id>", ai.SuggestionView.as_view(), name="suggestion"),
    path(
        "strategies/<str:strategy>/review",
        ai.ReviewStrategyView.as_view(),
        name="strategy-review",
    ),
    path("grants", live.GrantsView.as_view(), name="grants"),
    path("grants/<int:grant_id>/approve", live.GrantApproveView.as_view(), name="grant-approve"),
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
        outlooks.OutlookView.as_view(),
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
