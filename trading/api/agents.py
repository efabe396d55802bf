"""Agents are set and run by people: both are audited, so the doors are here."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import clock
from config.permissions import person
from config.query_params import comma_list, optional_choice
from marketdata.queries import resolve_symbol
from strategies import access, queries
from strategies.agent_serializers import (
    AgentChangeSerializer,
    AgentSerializer,
    RunNowSerializer,
)
from strategies.agents import AGENTS
from strategies.services import AgentResult
from trading import services


class AgentView(APIView):
    def get_permissions(self) -> list[BasePermission]:
        reads = self.request.method in SAFE_METHODS
        return [access.MayView() if reads else access.MayOperate()]

    @extend_schema(responses=AgentSerializer)
    def get(self, request: Request, agent: str) -> Response:
        """One agent."""
        return Response(AgentSerializer(queries.agent_state(agent)).data)

    @extend_schema(request=AgentChangeSerializer, responses=AgentSerializer)
    def patch(self, request: Request, agent: str) -> Response:
        """Turn an agent on or off, change its interval or its parameters."""
        asked = AgentChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        services.change_agent(
            name=agent, by=person(request), now=clock.now(), **asked.validated_data
        )
        return Response(AgentSerializer(queries.agent_state(agent)).data)


class RunNowView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(
        parameters=[
            OpenApiParameter("names", str, description="rvol_spike,cusum; else all agents."),
            OpenApiParameter("symbol", str, description="One symbol; else all that are followed."),
            OpenApiParameter("insert", bool, description="false stores nothing (default true)."),
        ],
        request=None,
        responses=RunNowSerializer,
    )
    def post(self, request: Request) -> Response:
        """Run agents at once, also those that are off or not due."""
        params = request.query_params
        name = params.get("symbol")
        insert = optional_choice(params, "insert", ["true", "false"]) != "false"
        results = services.run_agents(
            names=comma_list(params, "names") or list(AGENTS),
            by=person(request),
            now=clock.now(),
            symbol_id=resolve_symbol(name).pk if name else None,
            insert=insert,
        )
        answer = {
            "ok": not any(result.error for result in results),
            "ran": [result.agent for result in results],
            "results": [_result(result) for result in results],
        }
        return Response(RunNowSerializer(answer).data)


def _result(result: AgentResult) -> dict[str, object]:
    return {
        "agent": result.agent,
        "error": result.error,
        "looked": result.looked,
        "resting": result.resting,
        "notes": [
            {"symbol": symbol, "label": note.label, "score": note.score, "details": note.details}
            for symbol, note in result.notes
        ],
    }
