from django.apps import AppConfig

from trading import audit_triggers, trial_triggers


class TradingConfig(AppConfig):
    name = "trading"
    triggers = (audit_triggers.TRIGGERS, trial_triggers.TRIGGERS)
