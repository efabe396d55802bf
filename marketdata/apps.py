from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


def _lay_triggers(*, using: str, **_: Any) -> None:
    from marketdata import candle_triggers

    connection = connections[using]
    if candle_triggers.REVISIONS in connection.introspection.table_names():
        candle_triggers.lay(connection)


class MarketdataConfig(AppConfig):
    name = "marketdata"

    def ready(self) -> None:
        post_migrate.connect(_lay_triggers, sender=self)
