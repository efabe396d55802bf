from django.apps import AppConfig

from marketdata import candle_triggers


class MarketdataConfig(AppConfig):
    name = "marketdata"
    triggers = (candle_triggers.TRIGGERS,)
