"""The switch over everything: state, emergency stop, readiness, scheduler."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import clock
from config.permissions import person
from trading import access, queries, services
from trading.models import Heartbeat, SystemState
from trading.serializers.system import (
    ReadinessSerializer,
    ReasonSerializer,
    SchedulerSerializer,
    StopProofSerializer,
    SystemStateChangeSerializer,
    SystemStateSerializer,
)


class SystemStateView(APIView):
    own_transactions = True  # a stop commits its halt before anything else

    def get_permissions(self) -> list[BasePermission]:
        reads = self.request.method in SAFE_METHODS
        return [access.MayView() if reads else access.MayOperate()]

    @extend_schema(responses=SystemStateSerializer)
    def get(self, request: Request) -> Response:
        """RUNNING, PAUSED or EMERGENCY_STOP, with who and why."""
        return Response(SystemStateSerializer(queries.system_state()).data)

    @extend_schema(request=SystemStateChangeSerializer, responses=SystemStateSerializer)
    def post(self, request: Request) -> Response:
        """Pause, resume or stop. Leaving EMERGENCY_STOP needs an administrator and a reason."""
        asked = SystemStateChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        by = person(request)
        stop = asked.validated_data["state"] == SystemState.State.EMERGENCY_STOP
        if stop and not by.has_perm(access.STOP):
            raise PermissionDenied
        state = services.set_system_state(by=by, now=clock.now(), **asked.validated_data)
        return Response(SystemStateSerializer(state).data)


class EmergencyStopView(APIView):
    permission_classes = (access.MayStop,)
    own_transactions = True

    @extend_schema(request=ReasonSerializer, responses=StopProofSerializer)
    def post(self, request: Request) -> Response:
        """Stop everything, cancel every working order, and prove it."""
        asked = ReasonSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        proof = services.emergency_stop(by=person(request), now=clock.now(), **asked.validated_data)
        return Response(StopProofSerializer(proof).data)


class ReadinessView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=ReadinessSerializer)
    def get(self, request: Request) -> Response:
        """Each gate with its reasons."""
        gates = queries.readiness(clock.now())
        answer = {"ready": all(gate.ok for gate in gates), "gates": gates}
        return Response(ReadinessSerializer(answer).data)


class SchedulerView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=SchedulerSerializer)
    def get(self, request: Request) -> Response:
        """Whether the tick runs bots, when each process last showed itself, which candles lack."""
        return Response(_scheduler(queries.system_state()))


class SchedulerStartView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(request=None, responses=SchedulerSerializer)
    def post(self, request: Request) -> Response:
        """Let the tick run bots; 409 with the missing candles while data isn't ready."""
        return Response(_scheduler(services.start_scheduler(by=person(request), now=clock.now())))


class SchedulerStopView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(request=None, responses=SchedulerSerializer)
    def post(self, request: Request) -> Response:
        """No bot runs by itself any more; manual cycles still work."""
        return Response(_scheduler(services.stop_scheduler(by=person(request), now=clock.now())))


def _scheduler(state: SystemState) -> dict[str, object]:
    beats = dict(Heartbeat.objects.values_list("process", "at"))
    answer = {
        "on": state.scheduler_on,
        "state": state.state,
        "heartbeats": beats,
        "missing": queries.cold_series(clock.now()),
    }
    return dict(SchedulerSerializer(answer).data)
