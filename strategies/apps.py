from django.apps import AppConfig

from strategies import version_triggers


class StrategiesConfig(AppConfig):
    name = "strategies"
    triggers = (version_triggers.TRIGGERS,)
