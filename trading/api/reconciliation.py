"""Reconciliation: how far it is, what differs, who says what it is."""

from __future__ import annotations

from django.db.models import QuerySet
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

from config import clock
from config.permissions import person
from config.query_params import optional_number
from trading import access, queries, services
from trading.api.filters import choice_filter
from trading.models import Incident
from trading.serializers.reconciliation import (
    AcknowledgeSerializer,
    IncidentSerializer,
    ReconciliationSerializer,
    RequestedSerializer,
)


class ReconciliationView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=ReconciliationSerializer)
    def get(self, request: Request) -> Response:
        """The match rate, every account with its newest cycles, and what differs now."""
        found = queries.reconciliation_now(clock.now())
        return Response(ReconciliationSerializer(found).data)


class ReconciliationRunView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(request=None, responses={202: RequestedSerializer})
    def post(self, request: Request) -> Response:
        """Let a worker reconcile every account now."""
        accounts = services.request_reconciliation(by=person(request), now=clock.now())
        names = [account.name for account in accounts]
        return Response(RequestedSerializer({"accounts": names}).data, status=202)


@extend_schema_view(
    get=extend_schema(
        parameters=[
            OpenApiParameter("account", int, description="Only this account, by id."),
            OpenApiParameter("kind", enum=Incident.Kind.values),
            OpenApiParameter("state", enum=Incident.State.values),
        ]
    )
)
class IncidentsView(ListAPIView[Incident]):
    """Differences between our books and the exchanges', the newest first."""

    permission_classes = (access.MayView,)
    serializer_class = IncidentSerializer

    def get_queryset(self) -> QuerySet[Incident]:
        account_id = optional_number(self.request.query_params, "account", lowest=1)
        rows = queries.incidents().filter(
            **choice_filter(self.request, "kind", Incident.Kind.values),
            **choice_filter(self.request, "state", Incident.State.values),
        )
        return rows if account_id is None else rows.filter(account_id=account_id)


class IncidentView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=IncidentSerializer)
    def get(self, request: Request, incident_id: int) -> Response:
        """One difference with its evidence."""
        return Response(IncidentSerializer(queries.incident(incident_id)).data)


class IncidentAcknowledgeView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(
        request=AcknowledgeSerializer,
        responses=IncidentSerializer,
        examples=[
            OpenApiExample(
                "A transfer", value={"reason": "I sent 250 USDT by hand."}, request_only=True
            )
        ],
    )
    def post(self, request: Request, incident_id: int) -> Response:
        """Take a drift over: it blocks no more while it stays as it is. 409 unless it is open
        and was seen twice.
        """
        asked = AcknowledgeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        row = services.acknowledge_incident(
            incident_id=incident_id,
            by=person(request),
            now=clock.now(),
            **asked.validated_data,
        )
        return Response(IncidentSerializer(row).data)


class IncidentCancelView(APIView):
    permission_classes = (access.MayOperate,)
    own_transactions = True  # no transaction stays open while the exchange is asked

    @extend_schema(request=None, responses=IncidentSerializer)
    def post(self, request: Request, incident_id: int) -> Response:
        """Ask the exchange to cancel an order with our mark that works there and not here; 409
        for any other class.
        """
        row = services.cancel_incident_order(
            incident_id=incident_id, by=person(request), now=clock.now()
        )
        return Response(IncidentSerializer(row).data)
