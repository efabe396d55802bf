"""Serializer fields of the API: exact decimals as plain strings, instants in UTC ms."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

from django.db.models import Model
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.fields import ExactDecimalField, plain
from config.query_params import parse_ms

M = TypeVar("M", bound=Model)


class PlainDecimal(serializers.DecimalField):
    """Money and quantities: in as a string or number, out as "1.5", never "1.50" or "1E+2"."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 38)
        kwargs.setdefault("decimal_places", 18)
        super().__init__(**kwargs)

    def to_representation(self, value: Any) -> Any:
        return f"{plain(Decimal(value)):f}"


class Lowercase(serializers.ChoiceField):
    """A state in the words of the stream: "running" for RUNNING."""

    def to_representation(self, value: Any) -> str:
        return str(value).lower()


@extend_schema_field(
    {"oneOf": [{"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0}]}
)
class InstantOrMs(serializers.Field[int, Any, int, Any]):
    """In: ISO 8601 or ms since the epoch. Out: ms."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int | str):
            raise serializers.ValidationError("Must be an ISO 8601 time or milliseconds.")
        try:
            return parse_ms(data, "value")
        except serializers.ValidationError:
            raise serializers.ValidationError("Must be an ISO 8601 time or milliseconds.") from None

    def to_representation(self, value: int) -> int:
        return value


class ApiSerializer(serializers.Serializer[Any]):
    """Shape of an answer or a request; saving is the services' business."""


class StrictSerializer(ApiSerializer):
    """Shape of a request: a field that isn't known is an error, not something to ignore."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = set(data) - set(self.fields) if isinstance(data, dict) else set()
        if unknown:
            raise serializers.ValidationError(
                {str(name): ["There is no such field."] for name in sorted(unknown)}
            )
        return super().to_internal_value(data)


class ApiModelSerializer(serializers.ModelSerializer[M]):
    """Shape of a row in an answer."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        ExactDecimalField: PlainDecimal,
    }
