"""Bots, their decisions and jobs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config import clock
from config.api_fields import (
    ApiModelSerializer,
    ApiSerializer,
    InstantOrMs,
    Lowercase,
    PlainDecimal,
    StrictSerializer,
)
from marketdata.timeframes import Timeframe
from trading.knobs import Knobs
from trading.models import Bot, BotDrift, DecisionRecord, Job, Protection

BOT_STATUSES = [value.lower() for value in Bot.Status.values]
JOB_STATUSES = [value.lower() for value in Job.Status.values]
PROTECTIONS = [value.lower() for value in Protection.State.values]
SOURCES = [value.lower() for value in Bot.Source.values]


class ReplaySerializer(StrictSerializer):
    """Stored candles to trade instead of the feed; speed 0 is as fast as it goes, 60 an hour
    a minute."""

    start = InstantOrMs(source="from_ms")
    end = InstantOrMs(source="to_ms")
    speed = serializers.FloatField(default=0, min_value=0, max_value=1_000_000)

    def get_fields(self) -> dict[str, Any]:
        # "from" is a word of Python, so it can't be declared as an attribute.
        fields = super().get_fields()
        return {"from": fields["start"], "to": fields["end"], "speed": fields["speed"]}


KNOBS_SCHEMA = Knobs.model_json_schema(mode="serialization")


@extend_schema_field(KNOBS_SCHEMA)
class KnobsField(serializers.DictField):
    """Knobs as stored, decimals as strings. Names and bounds are for the service to refuse."""


class ProtectionSerializer(ApiModelSerializer[Protection]):
    """What protects one live position; `watched`: the software stop is at work."""

    symbol_id = serializers.IntegerField()
    state = Lowercase(choices=PROTECTIONS)

    class Meta:
        model = Protection
        fields = ("symbol_id", "state", "reason", "detail", "watched", "level", "since")


class BotSerializer(ApiModelSerializer[Bot]):
    """A bot as the API gives it."""

    symbols = serializers.SerializerMethodField()
    symbol_ids = serializers.SerializerMethodField()
    exchange = serializers.SerializerMethodField()
    strategy = serializers.CharField(source="version.strategy.name")
    version = serializers.IntegerField(source="version.number")
    params = serializers.DictField(source="version.params")
    knobs = KnobsField()
    status = Lowercase(choices=BOT_STATUSES)
    source = Lowercase(choices=SOURCES)  # type: ignore[assignment]  # Field has one of its own
    replay = serializers.SerializerMethodField()
    protection = ProtectionSerializer(source="protections", many=True, read_only=True)

    class Meta:
        model = Bot
        fields = (
            "id",
            "name",
            "symbols",
            "symbol_ids",
            "exchange",
            "timeframe",
            "paper_mode",
            "strategy",
            "version",
            "follows_active",
            "params",
            "knobs",
            "status",
            "stop_requested",
            "source",
            "replay",
            "starting_cash",
            "cash",
            "protection",
            "last_error",
            "created_at",
            "updated_at",
        )

    def get_symbols(self, bot: Bot) -> list[str]:
        return [row.symbol.name for row in bot.botsymbol_set.all()]

    def get_symbol_ids(self, bot: Bot) -> list[int]:
        return [row.symbol_id for row in bot.botsymbol_set.all()]

    def get_exchange(self, bot: Bot) -> str | None:
        return next((row.symbol.exchange for row in bot.botsymbol_set.all()), None)

    @extend_schema_field(ReplaySerializer(allow_null=True))
    def get_replay(self, bot: Bot) -> dict[str, Any] | None:
        if not bot.is_replay:
            return None
        return {"from": bot.replay_from_ms, "to": bot.replay_to_ms, "speed": bot.replay_speed}


class BotChangeSerializer(StrictSerializer):
    """What a PATCH may change; what the bot trades only while it is stopped."""

    name = serializers.CharField(max_length=80, required=False)
    symbols = serializers.ListField(
        child=serializers.CharField(max_length=60), min_length=1, max_length=20, required=False
    )
    timeframe = serializers.ChoiceField(choices=[item.value for item in Timeframe], required=False)
    strategy = serializers.CharField(max_length=40, required=False)
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    follows_active = serializers.BooleanField(required=False)
    knobs = serializers.DictField(required=False)


class BotCreateSerializer(StrictSerializer):
    """A new bot. Without `version` the strategy's active one is used."""

    name = serializers.CharField(max_length=80)
    symbols = serializers.ListField(
        child=serializers.CharField(max_length=60), min_length=1, max_length=20
    )
    timeframe = serializers.ChoiceField(choices=[item.value for item in Timeframe])
    paper_mode = serializers.BooleanField(default=True)
    strategy = serializers.CharField(
        max_length=40, default=lambda: settings.ENV.trading_active_strategy
    )
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    follows_active = serializers.BooleanField(required=False)
    knobs = serializers.DictField(required=False)
    starting_cash = PlainDecimal(required=False)
    replay = ReplaySerializer(required=False, allow_null=True)


class JobSerializer(ApiModelSerializer[Job]):
    """Long work; `progress` is 0 to 100."""

    bot_id = serializers.IntegerField(allow_null=True)
    status = Lowercase(choices=JOB_STATUSES)
    args = serializers.DictField()

    class Meta:
        model = Job
        fields = (
            "id",
            "bot_id",
            "task",
            "args",
            "status",
            "progress",
            "message",
            "created_at",
            "updated_at",
        )


class BotStartedSerializer(ApiSerializer):
    """The running bot and the job that carries it."""

    bot = BotSerializer()
    job = JobSerializer()


class DecisionSerializer(ApiModelSerializer[DecisionRecord]):
    """Why a bot traded or not at one closed candle."""

    bot_id = serializers.IntegerField()
    symbol = serializers.CharField(source="symbol.name")
    candle_close_at = serializers.SerializerMethodField()
    version = serializers.IntegerField(source="version.number", default=None)

    class Meta:
        model = DecisionRecord
        fields = (
            "id",
            "bot_id",
            "version",
            "symbol",
            "timeframe",
            "candle_close_ms",
            "candle_close_at",
            "action",
            "reason",
            "detail",
            "target",
            "price",
            "decided_at",
        )

    @extend_schema_field(serializers.DateTimeField())
    def get_candle_close_at(self, decision: DecisionRecord) -> Any:
        return clock.from_ms(decision.candle_close_ms)


class DriftSerializer(ApiModelSerializer[BotDrift]):
    """The gap in the quote asset; price, fee, missed and timing add up to it exactly."""

    bot_id = serializers.IntegerField()
    from_at = serializers.SerializerMethodField()
    to_at = serializers.SerializerMethodField()

    class Meta:
        model = BotDrift
        fields = (
            "bot_id",
            "from_at",
            "to_at",
            "decisions",
            "mismatches",
            "fills",
            "fill_bps",
            "gap",
            "price",
            "fee",
            "missed",
            "timing",
            "detail",
            "measured_at",
        )

    @extend_schema_field(serializers.DateTimeField())
    def get_from_at(self, drift: BotDrift) -> Any:
        return clock.from_ms(drift.from_ms)

    @extend_schema_field(serializers.DateTimeField())
    def get_to_at(self, drift: BotDrift) -> Any:
        return clock.from_ms(drift.to_ms)


class BotDriftSerializer(ApiSerializer):
    """The newest measurement, null while there is none."""

    drift = DriftSerializer(allow_null=True)


class DecisionsSerializer(ApiSerializer):
    """What one manual cycle decided."""

    decisions = DecisionSerializer(many=True)


class CycleSerializer(StrictSerializer):
    """Which bot; may be left out while there is only one."""

    bot_id = serializers.IntegerField(min_value=1, required=False)
