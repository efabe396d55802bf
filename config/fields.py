"""Money columns that keep every digit on both databases."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:
    _DecimalField = models.DecimalField[Any, Any]
else:
    _DecimalField = models.DecimalField  # generic only in the stubs


class ExactDecimalField(_DecimalField):
    """numeric(p, s) on PostgreSQL, fixed-scale text on SQLite.

    SQLite's own "decimal" columns are binary floats and lose digits after the 15th.
    Equality filters work on both; sums and ordering are done in Python.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 38)
        kwargs.setdefault("decimal_places", 18)
        super().__init__(*args, **kwargs)

    def get_internal_type(self) -> str:
        return "ExactDecimalField"

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        if connection.vendor == "sqlite":
            return "text"
        return f"numeric({self.max_digits}, {self.decimal_places})"

    def rel_db_type(self, connection: BaseDatabaseWrapper) -> str:
        return self.db_type(connection)

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        if connection.vendor != "sqlite":
            return super().get_db_prep_value(value, connection, prepared)
        return f"{self.to_python(value):.{self.decimal_places}f}"

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        return self.get_db_prep_value(value, connection)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Decimal | None:
        if value is None:
            return None
        return plain(Decimal(value))


def plain(value: Decimal) -> Decimal:
    """Without trailing zeros and without an exponent: 1.500 -> 1.5, 1E+2 -> 100."""
    if not value:
        return Decimal(0)
    short = value.normalize()
    return short.quantize(Decimal(1)) if short.as_tuple().exponent > 0 else short  # type: ignore[operator]
