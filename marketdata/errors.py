"""What market data refuses, each with a stable code."""

from __future__ import annotations

from config.refusals import Conflict, NotFound, Refusal, Unavailable


class SymbolUnknown(NotFound):
    code = "SYMBOL_UNKNOWN"


class TimeframeUnknown(Refusal):
    code = "TIMEFRAME_UNKNOWN"
    status = 400


class IndicatorUnknown(Refusal):
    code = "INDICATOR_UNKNOWN"
    status = 400


class IndicatorParamsInvalid(Refusal):
    """`fields` says what is wrong with which parameter."""

    code = "INDICATOR_PARAMS_INVALID"


class CandleFileInvalid(Refusal):
    code = "CANDLE_FILE_INVALID"
    status = 400


class DeadLetterInvalid(Conflict):
    """What was set aside is as wrong as before."""

    code = "DEAD_LETTER_INVALID"


class ExchangeUnknown(NotFound):
    code = "EXCHANGE_UNKNOWN"


class ExchangeRefused(Refusal):
    """The exchange answered and said no; asking again won't help."""

    code = "EXCHANGE_REFUSED"


class ExchangeUnavailable(Unavailable):
    """The exchange did not answer, or not in a way that can be understood.

    `retry_after_s` is how long the exchange wants to be left alone, when it said so.
    """

    code = "EXCHANGE_UNAVAILABLE"

    def __init__(self, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class CircuitOpen(ExchangeUnavailable):
    """Too many failures in a row: not asked until the circuit half-opens."""

    code = "CIRCUIT_OPEN"


class IndicatorNotStored(NotFound):
    """The indicator exists, but nobody keeps it for this series; `fields["kept"]` lists what is."""

    code = "INDICATOR_NOT_STORED"


class AnnotationUnknown(NotFound):
    code = "ANNOTATION_UNKNOWN"
