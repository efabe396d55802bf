"""Rows written as somebody with the database's password could: past its own refusals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from config.triggers import TableTriggers


@contextmanager
def without(kept: TableTriggers) -> Iterator[None]:
    """Lift these triggers, and lay them again."""
    kept.lift(connection)
    yield
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:  # no trigger is switched while keys await their check
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    kept.lay(connection)
