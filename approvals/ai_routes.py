"""Routes of advice in the API."""

from __future__ import annotations

from django.urls import path

from approvals import ai_api

urlpatterns = [
    path("ai/models", ai_api.ModelsView.as_view(), name="ai-models"),
    path("ai/health", ai_api.HealthView.as_view(), name="ai-health"),
    path("ai/llm/status", ai_api.StatusView.as_view(), name="llm-status"),
    path("ai/llm/test", ai_api.TestView.as_view(), name="llm-test"),
    path("ai/proposals/generate", ai_api.GenerateView.as_view(), name="proposals-generate"),
    path("ai/events", ai_api.EventsView.as_view(), name="ai-events"),
    path("ai/calls", ai_api.CallsView.as_view(), name="llm-calls"),
    path("ai/calls/<int:call_id>", ai_api.CallView.as_view(), name="llm-call"),
    path("ai/reviews", ai_api.ReviewsView.as_view(), name="reviews"),
    path("ai/reviews/<int:review_id>", ai_api.ReviewView.as_view(), name="review"),
    path("ai-suggestions", ai_api.SuggestionsView.as_view(), name="suggestions"),
    path("ai-suggestions/<int:suggestion_id>", ai_api.SuggestionView.as_view(), name="suggestion"),
    path(
        "strategies/<str:strategy>/review",
        ai_api.ReviewStrategyView.as_view(),
        name="strategy-review",
    ),
]
