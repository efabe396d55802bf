"""An exchange on loopback that speaks the wire formats of Binance and Bybit, with faults."""

from tests.exchange.faults import Fault, body_of, mangled, reset, slow, status, truncated
from tests.exchange.market import Market, make_market
from tests.exchange.server import LoopbackExchange

__all__ = [
    "Fault",
    "LoopbackExchange",
    "Market",
    "body_of",
    "make_market",
    "mangled",
    "reset",
    "slow",
    "status",
    "truncated",
]
