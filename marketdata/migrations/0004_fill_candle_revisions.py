"""A first revision for the candles that are stored already."""

from __future__ import annotations

from typing import Any

from django.db import migrations

FILL = {
    "sqlite": "INSERT INTO marketdata_candlerevision (symbol_id, timeframe, block, revision)"
    " SELECT symbol_id, timeframe, block, lower(hex(randomblob(16))) FROM (SELECT DISTINCT"
    " symbol_id, timeframe, open_ms / 2592000000 AS block FROM marketdata_candle) AS blocks",
    "postgresql": "INSERT INTO marketdata_candlerevision (symbol_id, timeframe, block, revision)"
    " SELECT symbol_id, timeframe, block, gen_random_uuid()::text FROM (SELECT DISTINCT"
    " symbol_id, timeframe, open_ms / 2592000000 AS block FROM marketdata_candle) AS blocks",
}


def fill(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(FILL[schema_editor.connection.vendor])


class Migration(migrations.Migration):
    dependencies = [("marketdata", "0003_candle_revision")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
