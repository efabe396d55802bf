"""Jobs, the history download, dead letters."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import clock
from config.permissions import person
from marketdata import access as marketdata_access
from marketdata.models import DeadLetter
from marketdata.queries import resolve_symbol, timeframe_of
from trading import access, services
from trading.api.filters import BOT, bot_filter, choice_filter
from trading.errors import JobUnknown
from trading.models import Job
from trading.serializers.bots import JobSerializer
from trading.serializers.system import BackfillSerializer, DeadLetterSerializer


@extend_schema_view(
    get=extend_schema(
        parameters=[
            BOT,
            OpenApiParameter("status", enum=Job.Status.values),
            OpenApiParameter("task", str, description='"bot.run", "market.backfill"'),
        ]
    )
)
class JobsView(ListAPIView[Job]):
    """Jobs, the newest first."""

    permission_classes = (access.MayView,)
    serializer_class = JobSerializer

    def get_queryset(self) -> QuerySet[Job]:
        task = self.request.query_params.get("task")
        return Job.objects.filter(
            **bot_filter(self.request),
            **choice_filter(self.request, "status", Job.Status.values),
            **({"task": task} if task else {}),
        )


class JobView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=JobSerializer)
    def get(self, request: Request, job_id: int) -> Response:
        """One job."""
        job = Job.objects.filter(pk=job_id).first()
        if job is None:
            raise JobUnknown(f"There is no job {job_id}.")
        return Response(JobSerializer(job).data)


class JobCancelView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(request=None, responses=JobSerializer)
    def post(self, request: Request, job_id: int) -> Response:
        """End a job; one that carries a bot stops the bot."""
        job = services.cancel_job(job_id=job_id, by=person(request), now=clock.now())
        return Response(JobSerializer(job).data)


class BackfillView(APIView):
    permission_classes = (marketdata_access.MayOperate,)

    @extend_schema(request=BackfillSerializer, responses={202: JobSerializer})
    def post(self, request: Request) -> Response:
        """Download a stretch of history as a job; started again, it goes on where it was."""
        asked = BackfillSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given: dict[str, Any] = dict(asked.validated_data)
        given["symbol"] = resolve_symbol(given["symbol"])
        given["timeframe"] = timeframe_of(given["timeframe"])
        job = services.start_backfill(by=person(request), now=clock.now(), **given)
        return Response(JobSerializer(job).data, status=202)


@extend_schema_view(
    get=extend_schema(parameters=[OpenApiParameter("status", enum=DeadLetter.Status.values)])
)
class DeadLettersView(ListAPIView[DeadLetter]):
    """What could not be stored, the newest first."""

    permission_classes = (access.MayView,)
    serializer_class = DeadLetterSerializer

    def get_queryset(self) -> QuerySet[DeadLetter]:
        return DeadLetter.objects.filter(
            **choice_filter(self.request, "status", DeadLetter.Status.values)
        )


class DeadLetterRetryView(APIView):
    permission_classes = (marketdata_access.MayOperate,)

    @extend_schema(request=None, responses=DeadLetterSerializer)
    def post(self, request: Request, letter_id: int) -> Response:
        """Try to store it again."""
        letter = services.retry_dead_letter(
            letter_id=letter_id, by=person(request), now=clock.now()
        )
        return Response(DeadLetterSerializer(letter).data)
