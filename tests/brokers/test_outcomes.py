"""What codes prove, one by one."""

from __future__ import annotations

import pytest

from trading.brokers import Outcome
from trading.brokers.outcomes import Failure, judged

R, N, U = Outcome.REJECTED, Outcome.NOT_SENT, Outcome.UNKNOWN

BINANCE = [
    ("-1000", "An unknown error occurred while processing the request.", U),
    ("-1001", "Internal error; unable to process your request.", U),
    ("-1003", "Too much request weight used", N),
    ("-1006", "An unexpected response was received from the message bus.", U),
    ("-1007", "Timeout waiting for response from backend server.", U),
    ("-1008", "Server is currently overloaded with other requests.", U),
    ("-1013", "Filter failure: NOTIONAL", R),
    ("-1015", "Too many new orders", N),
    ("-1016", "This service is no longer available.", U),
    ("-1021", "Timestamp for this request is outside of the recvWindow.", N),
    ("-1022", "Signature for this request is not valid.", R),
    ("-1111", "Parameter 'quantity' has too much precision.", R),
    ("-1121", "Invalid symbol.", R),
    ("-2010", "Account has insufficient balance for requested action.", R),
    ("-2010", "Duplicate order sent.", U),
    ("-2010", "Order would immediately match and take.", R),
    ("-2010", "something that nobody has seen yet", U),
    ("-2011", "Unknown order sent.", U),
    ("-2013", "Order does not exist.", U),
    ("-2014", "API-key format invalid.", R),
    ("-2015", "Invalid API-key, IP, or permissions for action.", R),
    ("-9999", "a new code", U),
    ("", "", U),
]
BYBIT = [
    ("10000", "Server Timeout", U),
    ("10001", "Request parameter error", R),
    ("10002", "The request time exceeds the time window range.", N),
    ("10003", "API key is invalid.", R),
    ("10004", "Error sign", R),
    ("10006", "Too many visits.", N),
    ("10016", "Server error.", U),
    ("170001", "Internal error.", U),
    ("170005", "Too many new orders", N),
    ("170007", "Timeout waiting for response from backend server.", U),
    ("170032", "Network error.", U),
    ("170131", "Insufficient balance.", R),
    ("170140", "Order value exceeded lower limit.", R),
    ("170141", "Duplicate clientOrderId.", U),
    ("170146", "Order creation timeout", U),
    ("170213", "Order does not exist.", U),
    ("429", "The trading service is experiencing a high server load.", U),
]


@pytest.mark.parametrize(
    ("exchange", "code", "text", "outcome"),
    [("binance", *row) for row in BINANCE] + [("bybit", *row) for row in BYBIT],
)
def test_only_what_is_on_the_lists_is_a_verdict(
    exchange: str, code: str, text: str, outcome: Outcome
) -> None:
    assert judged(exchange, Failure(400, code, text)).outcome is outcome


@pytest.mark.parametrize("exchange", ["binance", "bybit"])
class TestAnywhere:
    @pytest.mark.parametrize("status", [418, 429])
    def test_a_limit_turns_away(self, exchange: str, status: int) -> None:
        assert judged(exchange, Failure(status)).outcome is N

    @pytest.mark.parametrize("status", [0, 200, 302, 400, 403, 404, 500, 502, 503, 504])
    def test_a_status_alone_proves_nothing(self, exchange: str, status: int) -> None:
        ack = judged(exchange, Failure(status))
        assert (ack.outcome, ack.code) == (U, f"http_{status}" if status else "no_answer")

    def test_a_refusal_out_of_a_broken_server_proves_nothing(self, exchange: str) -> None:
        code = {"binance": "-1013", "bybit": "170140"}[exchange]
        assert judged(exchange, Failure(500, code)).outcome is U

    def test_what_never_left_was_not_sent(self, exchange: str) -> None:
        assert judged(exchange, Failure(left=False)).outcome is N
