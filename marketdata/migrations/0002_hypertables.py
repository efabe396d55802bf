"""Candles and indicator values become hypertables where TimescaleDB is wanted and installed."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import migrations

TABLES = ("marketdata_candle", "marketdata_indicatorvalue")
CHUNK_MS = 30 * 86_400_000


def make_hypertables(apps: Any, schema_editor: Any) -> None:
    connection = schema_editor.connection
    if connection.vendor != "postgresql" or not settings.ENV.timescale:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'")
        if cursor.fetchone() is None:
            return
        cursor.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        for table in TABLES:
            cursor.execute(
                "SELECT create_hypertable(%s, 'open_ms', chunk_time_interval => %s::bigint,"
                " if_not_exists => true, migrate_data => true)",
                [table, CHUNK_MS],
            )


class Migration(migrations.Migration):
    dependencies = [("marketdata", "0001_initial")]

    operations = [migrations.RunPython(make_hypertables, migrations.RunPython.noop)]
