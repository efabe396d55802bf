"""REST doors of advice: models, spend, reviews, suggestions, calls."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
    extend_schema_view,
)
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals import ai_queries, services
from approvals.models import LlmCall, Review, Suggestion
from approvals.serializers.ai import (
    SOURCES,
    AskReviewSerializer,
    CallSerializer,
    GenerateSerializer,
    ModelHealthSerializer,
    ModelsSerializer,
    ModelStatusSerializer,
    ReviewSerializer,
    SuggestionSerializer,
    WholeCallSerializer,
)
from config import clock
from config.permissions import person
from config.query_params import optional_choice, optional_number
from strategies import access as strategy_access
from strategies.queries import strategy_called
from trading import access
from trading.models import AuditEvent
from trading.serializers.system import AuditEventSerializer

STRATEGY = OpenApiParameter("strategy", str, description="A name or an id.")
STRATEGY_ID = OpenApiParameter("strategy_id", int)
STATES = [value.lower() for value in Suggestion.State.values]


class ModelsView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=ModelsSerializer)
    def get(self, request: Request) -> Response:
        """Names of the models that the provider has; remembered for a minute."""
        return Response(ModelsSerializer(services.known_models()).data)


class HealthView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(operation_id="ai_health", responses=ModelHealthSerializer)
    def get(self, request: Request) -> Response:
        """Whether a model can be asked now; nobody is asked to find out."""
        return Response(ModelHealthSerializer(ai_queries.health()).data)


class StatusView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=ModelStatusSerializer)
    def get(self, request: Request) -> Response:
        """The model, what it has cost this month, and what people made of suggestions."""
        told = {
            "health": ai_queries.health(),
            "spend": ai_queries.spend(clock.now()),
            "record": ai_queries.track_record(),
        }
        return Response(ModelStatusSerializer(told).data)


class TestView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(request=None, responses=CallSerializer)
    def post(self, request: Request) -> Response:
        """Ask the model for the smallest answer, archived and paid as any call."""
        call = services.test_model(by=person(request), now=clock.now(), later=clock.now)
        return Response(CallSerializer(call).data)


class GenerateView(APIView):
    permission_classes = (strategy_access.MayOperate,)

    @extend_schema(
        request=GenerateSerializer,
        responses={202: ReviewSerializer},
        examples=[
            OpenApiExample(
                "By the advisor's rules",
                value={
                    "strategy": "trend_ema",
                    "source": "rules",
                    "symbols": ["BTC/USDT"],
                    "timeframe": "1h",
                    "from": "2024-01-01T00:00:00Z",
                    "to": "2024-06-30T00:00:00Z",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Look for a better version as a job: suggest, check, simulate, up to some rounds."""
        asked = GenerateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = dict(asked.validated_data)
        return _started(request, given.pop("strategy"), given)


class ReviewStrategyView(APIView):
    permission_classes = (strategy_access.MayOperate,)

    @extend_schema(
        operation_id="strategies_review",
        request=AskReviewSerializer,
        responses={202: ReviewSerializer},
    )
    def post(self, request: Request, strategy: str) -> Response:
        """Review the active version as a job; the model is asked if one is switched on."""
        asked = AskReviewSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return _started(request, strategy, dict(asked.validated_data))


@extend_schema_view(get=extend_schema(parameters=[STRATEGY]))
class ReviewsView(ListAPIView[Review]):
    """Reviews, the newest first."""

    permission_classes = (access.MayView,)
    serializer_class = ReviewSerializer

    def get_queryset(self) -> QuerySet[Review]:
        name = self.request.query_params.get("strategy")
        rows = ai_queries.reviews()
        return rows.filter(strategy=strategy_called(name)) if name else rows


class ReviewView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=ReviewSerializer)
    def get(self, request: Request, review_id: int) -> Response:
        """One review."""
        return Response(ReviewSerializer(ai_queries.review(review_id)).data)


@extend_schema_view(
    get=extend_schema(
        parameters=[
            STRATEGY_ID,
            STRATEGY,
            OpenApiParameter("state", enum=STATES),
            OpenApiParameter("source", enum=SOURCES),
        ]
    )
)
class SuggestionsView(ListAPIView[Suggestion]):
    """Suggestions with their provenance, the newest first."""

    permission_classes = (access.MayView,)
    serializer_class = SuggestionSerializer

    def get_queryset(self) -> QuerySet[Suggestion]:
        params = self.request.query_params
        wanted: dict[str, Any] = {}
        if (pk := optional_number(params, "strategy_id")) is not None:
            wanted["strategy_id"] = pk
        if name := params.get("strategy"):
            wanted["strategy"] = strategy_called(name)
        for field, choices in (("state", STATES), ("source", SOURCES)):
            if chosen := optional_choice(params, field, choices):
                wanted[field] = chosen.upper()
        return ai_queries.suggestions().filter(**wanted)


class SuggestionView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=SuggestionSerializer)
    def get(self, request: Request, suggestion_id: int) -> Response:
        """One suggestion."""
        return Response(SuggestionSerializer(ai_queries.suggestion(suggestion_id)).data)


class CallsView(ListAPIView[LlmCall]):
    """Calls of models, the newest first."""

    permission_classes = (access.MayView,)
    serializer_class = CallSerializer

    def get_queryset(self) -> QuerySet[LlmCall]:
        return ai_queries.calls()


class CallView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(responses=WholeCallSerializer)
    def get(self, request: Request, call_id: int) -> Response:
        """One call with its prompt and answer, and whether the row is as it was written."""
        opened: Any = services.opened_call(call_id=call_id)
        return Response(WholeCallSerializer(opened).data)


class EventsView(ListAPIView[AuditEvent]):
    """What the audit log says of models, reviews and suggestions, the newest first."""

    permission_classes = (access.MayView,)
    serializer_class = AuditEventSerializer
    cursor_field = "seq"

    def get_queryset(self) -> QuerySet[AuditEvent]:
        wanted = Q(actor_kind=AuditEvent.ActorKind.AI)
        for beginning in ai_queries.AI_ACTIONS:
            wanted |= Q(action__startswith=beginning)
        return AuditEvent.objects.filter(wanted)


def _started(request: Request, strategy: str, asked: dict[str, Any]) -> Response:
    review = services.start_review(
        strategy=strategy, asked=asked, by=person(request), now=clock.now()
    )
    return Response(ReviewSerializer(ai_queries.review(review.pk)).data, status=202)
