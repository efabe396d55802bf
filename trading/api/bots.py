"""Bots: create, change, start, stop, knobs, one manual cycle, decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
    extend_schema_view,
)
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import clock
from config.permissions import person
from marketdata.queries import resolve_symbol
from strategies import queries as strategy_queries
from strategies.models import StrategyVersion
from trading import access, queries, services
from trading.api.filters import FROM, SYMBOL, TO, choice_filter, symbol_filter, time_filter
from trading.errors import BotUnknown
from trading.models import Bot, DecisionRecord
from trading.serializers.bots import (
    BOT_STATUSES,
    KNOBS_SCHEMA,
    BotChangeSerializer,
    BotCreateSerializer,
    BotDriftSerializer,
    BotSerializer,
    BotStartedSerializer,
    CycleSerializer,
    DecisionSerializer,
    DecisionsSerializer,
)

ACTION = OpenApiParameter("action", enum=DecisionRecord.Action.values)

EXAMPLE = OpenApiExample(
    "A paper bot",
    value={
        "name": "BTC trend",
        "symbols": ["BTC/USDT"],
        "timeframe": "5m",
        "paper_mode": True,
        "strategy": "trend_ema",
        "knobs": {"max_exposure": "0.5"},
    },
    request_only=True,
)


class ReadOrOperate(APIView):
    """Viewers read, operators write."""

    def get_permissions(self) -> list[BasePermission]:
        reads = self.request.method in SAFE_METHODS
        return [access.MayView() if reads else access.MayOperate()]


@extend_schema_view(get=extend_schema(parameters=[OpenApiParameter("status", enum=BOT_STATUSES)]))
class BotsView(ReadOrOperate, ListAPIView[Bot]):
    """Bots, the newest first."""

    serializer_class = BotSerializer

    def get_queryset(self) -> QuerySet[Bot]:
        filters = choice_filter(self.request, "status", Bot.Status.values)
        return _bots().filter(**filters)

    @extend_schema(request=BotCreateSerializer, responses={201: BotSerializer}, examples=[EXAMPLE])
    def post(self, request: Request) -> Response:
        """Make a stopped paper bot."""
        asked = BotCreateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = _resolved(asked.validated_data)
        if given.get("replay"):
            given["replay"] = services.Replay(**given["replay"])
        bot = services.create_bot(by=person(request), now=clock.now(), **given)
        return Response(_shown(bot.pk), status=201)


class BotView(ReadOrOperate):
    @extend_schema(responses=BotSerializer)
    def get(self, request: Request, bot_id: int) -> Response:
        """One bot."""
        return Response(_shown(bot_id))

    @extend_schema(request=BotChangeSerializer, responses=BotSerializer)
    def patch(self, request: Request, bot_id: int) -> Response:
        """Change a bot; what it trades only while it is stopped."""
        asked = BotChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        changes = _resolved(asked.validated_data, bot_id=bot_id)
        services.update_bot(bot_id=bot_id, changes=changes, by=person(request), now=clock.now())
        return Response(_shown(bot_id))


class BotStartView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(request=None, responses={202: BotStartedSerializer})
    def post(self, request: Request, bot_id: int) -> Response:
        """Set the bot running and make its job; 409 with reasons while data isn't ready."""
        job = services.start_bot(bot_id=bot_id, by=person(request), now=clock.now())
        answer = {"bot": _bots().get(pk=bot_id), "job": job}
        return Response(BotStartedSerializer(answer).data, status=202)


class BotStopView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(request=None, responses=BotSerializer)
    def post(self, request: Request, bot_id: int) -> Response:
        """Stop the bot. Its working orders stay."""
        services.stop_bot(bot_id=bot_id, by=person(request), now=clock.now())
        return Response(_shown(bot_id))


class BotKnobsView(APIView):
    permission_classes = (access.MayOperate,)

    @extend_schema(request={"application/json": KNOBS_SCHEMA}, responses=BotSerializer)
    def post(self, request: Request, bot_id: int) -> Response:
        """Turn the given knobs, keep the others; they hold from the next candle on."""
        if not isinstance(request.data, Mapping):
            raise ValidationError({"knobs": ["Send an object of knobs."]})
        services.set_knobs(
            bot_id=bot_id, knobs=dict(request.data), by=person(request), now=clock.now()
        )
        return Response(_shown(bot_id))


class BotCycleView(APIView):
    permission_classes = (access.MayOperate,)
    own_transactions = True  # a cycle claims orders, each durably

    @extend_schema(request=None, responses=DecisionsSerializer)
    def post(self, request: Request, bot_id: int) -> Response:
        """One manual paper cycle now, with its decision records."""
        return Response(_cycle(request, bot_id))


class PaperCycleView(APIView):
    permission_classes = (access.MayOperate,)
    own_transactions = True

    @extend_schema(request=CycleSerializer, responses=DecisionsSerializer)
    def post(self, request: Request) -> Response:
        """The same for the only bot, or for `bot_id`."""
        asked = CycleSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        bot_id = asked.validated_data.get("bot_id") or _only_bot()
        return Response(_cycle(request, bot_id))


class BotDriftView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(responses=BotDriftSerializer)
    def get(self, request: Request, bot_id: int) -> Response:
        """How far a bot is from a simulation of its own life; null before it was measured."""
        bot = services.get_bot(bot_id)
        return Response(BotDriftSerializer({"drift": queries.drift_of(bot.pk)}).data)


class BotDecisionsView(ListAPIView[DecisionRecord]):
    permission_classes = (access.MayView,)
    serializer_class = DecisionSerializer

    def get_queryset(self) -> QuerySet[DecisionRecord]:
        bot = services.get_bot(self.kwargs["bot_id"])  # 404 rather than an empty list
        return queries.decisions(bot.pk).filter(
            **symbol_filter(self.request),
            **choice_filter(self.request, "action", DecisionRecord.Action.values),
            **time_filter(self.request, "decided_at"),
        )

    @extend_schema(parameters=[SYMBOL, ACTION, FROM, TO])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Why the bot traded or not, per closed candle, the newest first."""
        return super().get(request, *args, **kwargs)


def _bots() -> QuerySet[Bot]:
    # Through the ranks: the first symbol has the first claim to the cash.
    bots = queries.bots_for_list().prefetch_related(None)
    return bots.prefetch_related("botsymbol_set__symbol", "protections")


def _shown(bot_id: int) -> dict[str, Any]:
    bot = _bots().filter(pk=bot_id).first()
    if bot is None:
        raise BotUnknown(f"There is no bot {bot_id}.")
    return dict(BotSerializer(bot).data)


def _cycle(request: Request, bot_id: int) -> dict[str, Any]:
    made = services.run_cycle(bot_id=bot_id, by=person(request), now=clock.now())
    return dict(DecisionsSerializer({"decisions": made}).data)


def _resolved(given: Mapping[str, Any], *, bot_id: int = 0) -> dict[str, Any]:
    """Names of symbols, strategy and version as rows."""
    found = dict(given)
    if "symbols" in found:
        found["symbols"] = [resolve_symbol(name) for name in found["symbols"]]
    if "strategy" in found or "version" in found:
        name = found.pop("strategy", None) or _strategy_of(bot_id)
        found["version"] = _version(name, found.get("version"))
    return found


def _version(strategy: str, number: int | None) -> StrategyVersion:
    if number is None:
        return strategy_queries.active_version(strategy)
    return strategy_queries.version_numbered(strategy, number)


def _strategy_of(bot_id: int) -> str:
    bot = _bots().filter(pk=bot_id).first()
    if bot is None:
        raise BotUnknown(f"There is no bot {bot_id}.")
    return bot.version.strategy.name


def _only_bot() -> int:
    ids = list(Bot.objects.values_list("pk", flat=True)[:2])
    if len(ids) != 1:
        raise ValidationError({"bot_id": ["Say which bot: there isn't exactly one."]})
    return ids[0]
