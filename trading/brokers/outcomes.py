"""What an answer to an order proves. Pure tables.

Only what is on these lists counts as refused or as never arrived; every other answer, and every
class that a client library makes of it, leaves the order UNKNOWN: a look-up decides then.
Sources: the error tables of Binance spot REST and Bybit v5, tried against a loopback exchange.
"""

from __future__ import annotations

from dataclasses import dataclass

from trading.brokers.protocol import Ack, Outcome


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that brought no acknowledgement, as far as it is known."""

    status: int = 0  # HTTP; 0 when no answer came
    code: str = ""  # the exchange's own, "" without one
    text: str = ""
    left: bool = True  # False: not a byte of it left this machine

    @property
    def label(self) -> str:
        """Short and stable, for the order's row."""
        return self.code or (f"http_{self.status}" if self.status else "no_answer")


def _codes(*numbers: int) -> frozenset[str]:
    return frozenset(map(str, numbers))


# Wrong parameters, filters, keys: refused before there is an order.
# fmt: off
_REFUSED = {
    "binance": _codes(
        -1002, -1013, -1014, -1022, -1100, -1101, -1102, -1103, -1104, -1105, -1106, -1108,
        -1111, -1114, -1115, -1116, -1117, -1121, -1128, -1130, -1134, -1145, -2014, -2015,
    ),
    "bybit": _codes(
        10001, 10003, 10004, 10005, 10010, 10024, 170121, 170124, 170130, 170131, 170132,
        170133, 170134, 170135, 170136, 170137, 170140, 170193, 170194, 170202, 170203,
        170204, 170206, 170210, 170227, 170810,
    ),
}
# fmt: on
# One code for many things: the text tells them apart. "Duplicate order sent." is none of these.
_REFUSED_TEXTS = {
    ("binance", "-2010"): (
        "insufficient balance",
        "would immediately match and take",
        "would trigger immediately",
        "market is closed",
        "not supported for this symbol",
        "action is disabled on this account",
        "may not place or cancel orders",
        "is not permitted for this account",
        "is restricted for this account",
        "price * qty is zero or less",
        "unsupported order combination",
    ),
}
# Too many requests or a wrong clock: turned away before the matching engine.
_TURNED_AWAY = {
    "binance": frozenset({"-1003", "-1015", "-1021"}),
    "bybit": frozenset({"10002", "10006", "170005"}),
}
WRONG_TIME = frozenset({"-1021", "10002"})  # the clocks differ by more than we know
_TURNED_AWAY_STATUS = frozenset({418, 429})


def judged(exchange: str, failure: Failure) -> Ack:
    """REJECTED or NOT_SENT where the lists prove it, else UNKNOWN."""
    if not failure.left or _turned_away(exchange, failure):
        return Ack(Outcome.NOT_SENT, code=failure.label)
    if _refused(exchange, failure):
        return Ack(Outcome.REJECTED, code=failure.label)
    return Ack(Outcome.UNKNOWN, code=failure.label)


def _turned_away(exchange: str, failure: Failure) -> bool:
    return failure.status in _TURNED_AWAY_STATUS or failure.code in _TURNED_AWAY[exchange]


def _refused(exchange: str, failure: Failure) -> bool:
    if failure.status >= 500:
        return False  # whatever it says, something behind it may have gone on
    texts = _REFUSED_TEXTS.get((exchange, failure.code), ())
    said = failure.text.lower()
    return failure.code in _REFUSED[exchange] or any(text in said for text in texts)
