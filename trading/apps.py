from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


def _lay_triggers(*, using: str, **_: Any) -> None:
    from trading import audit_triggers, trial_triggers  # models must be ready

    connection = connections[using]
    if audit_triggers.TABLE in connection.introspection.table_names():
        audit_triggers.lay(connection)
    if trial_triggers.TABLE in connection.introspection.table_names():
        trial_triggers.lay(connection)


class TradingConfig(AppConfig):
    name = "trading"

    def ready(self) -> None:
        from trading import checks  # noqa: F401  (registers itself)

        post_migrate.connect(_lay_triggers, sender=self)
