"""Is it alive, is it ready, how is it: for orchestrators, load balancers and people. Public.

A web process answers the busiest of these paths before Django, see config.health_door.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from functools import cache

import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from config import bus, clock, health_state
from config.api_fields import ApiSerializer
from config.health_state import DatabaseState, read_bus, read_database
from config.rendering import json_response, to_json
from trading import audit_triggers

log = structlog.get_logger(__name__)


@require_safe
@login_not_required
def health_view(request: HttpRequest) -> HttpResponse:
    """Everything at a glance; 503 while the database is away. Redis away is only degraded."""
    database = _database()
    on_bus = read_bus(list(database.symbols), clock.now_ms())
    payload = health_state.health(database, on_bus, now_ms=clock.now_ms(), age_s=0.0)
    return _answer(payload, ok=database.error is None)


class AgentHealthSerializer(ApiSerializer):
    """How an agent's last run went, and when that was."""

    status = serializers.CharField()
    last_run = serializers.DateTimeField(allow_null=True)


class HealthSerializer(ApiSerializer):
    """The whole picture, `age_s` old; `feed_age_s` is null for a symbol that never had a price."""

    status = serializers.ChoiceField(choices=["ok", "degraded", "down"])
    db = serializers.BooleanField()
    redis = serializers.BooleanField()
    artifacts_dir = serializers.BooleanField()
    symbols = serializers.ListField(child=serializers.CharField())
    trades_cached = serializers.DictField(child=serializers.IntegerField())
    agents = serializers.DictField(child=AgentHealthSerializer())
    feed_age_s = serializers.DictField(child=serializers.FloatField(allow_null=True))
    age_s = serializers.FloatField()
    version = serializers.CharField()


class HealthView(APIView):
    """The same under the API's prefix, where its shape is written down."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses={200: HealthSerializer, 503: HealthSerializer})
    def get(self, request: Request) -> HttpResponse:
        """Stores, symbols and the age of their prices; 503 while the database is away."""
        return health_view(request._request)


@require_safe
@login_not_required
def db_health_view(request: HttpRequest) -> HttpResponse:
    """Whether the database answers; the reason is for the log, the kind of it for the caller."""
    database = _database()
    return _answer(health_state.database_health(database), ok=database.error is None)


@require_safe
@login_not_required
def live_view(request: HttpRequest) -> HttpResponse:
    """This process handles requests; nothing else is asked."""
    return _answer({"status": "ok"}, ok=True)


@require_safe
@login_not_required
def ready_view(request: HttpRequest) -> HttpResponse:
    """Whether requests may be sent here: tables as the code wants them, the audit log guarded."""
    db = _database().error is None
    checks = {
        "database": db,
        "migrations": db and _migrations_applied(),
        "audit_triggers": db and not audit_triggers.TRIGGERS.missing(connection),
    }
    ready = all(checks.values())
    checks["bus"] = _bus_answers()
    return _answer({"status": "ready" if ready else "not ready", "checks": checks}, ok=ready)


@require_safe
@login_not_required
def metrics_view(request: HttpRequest) -> HttpResponse:
    """Prometheus, for the bearer of METRICS_TOKEN; there is no such page while that is unset."""
    token: str = settings.ENV.metrics_token
    if not token:
        raise Http404
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), token.encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    from config import metrics  # only who scrapes pays for the client library

    return HttpResponse(metrics.exposition(), content_type=metrics.CONTENT_TYPE)


def _answer(payload: Mapping[str, object], *, ok: bool) -> HttpResponse:
    response = json_response(to_json(payload), status=200 if ok else 503)
    response.headers["Cache-Control"] = "no-store"
    return response


def _database() -> DatabaseState:
    database = read_database()
    if database.error:
        log.error("database.unavailable", error=database.detail)
    return database


def _bus_answers() -> bool:
    try:
        return bool(bus.client().ping())
    except Exception as error:  # redis-py has its own tree of errors
        log.warning("bus.unreachable", error=str(error))
        return False


def _migrations_applied() -> bool:
    return _migrations_on_disk() <= set(MigrationRecorder(connection).applied_migrations())


@cache
def _migrations_on_disk() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)
