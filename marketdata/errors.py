"""What market data refuses, each with a stable code."""

from __future__ import annotations

from config.refusals import NotFound, Refusal, Unavailable


class SymbolUnknown(NotFound):
    code = "SYMBOL_UNKNOWN"


class TimeframeUnknown(Refusal):
    code = "TIMEFRAME_UNKNOWN"
    status = 400


class IndicatorUnknown(Refusal):
    code = "INDICATOR_UNKNOWN"
    status = 400


class CandleFileInvalid(Refusal):
    code = "CANDLE_FILE_INVALID"
    status = 400


class ExchangeUnavailable(Unavailable):
    """The exchange did not answer, or not in a way that can be understood."""

    code = "EXCHANGE_UNAVAILABLE"


class CircuitOpen(ExchangeUnavailable):
    """Too many failures in a row: not asked until the circuit half-opens."""

    code = "CIRCUIT_OPEN"
