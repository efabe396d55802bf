"""An exchange on loopback that speaks the wire formats of Binance and Bybit, with faults.

`LoopbackExchange` answers public market data of both venues; `Emulator` is one venue with
trading, private streams and a ledger of the truth. README.md is the contract of both.
"""

from tests.exchange.accounts import ApiKey, FeeIn
from tests.exchange.emulator import Emulator
from tests.exchange.faults import Fault, Spoil, body_of, mangled, reset, slow, status, truncated
from tests.exchange.market import Market, make_market
from tests.exchange.remote import EmulatorProcess, RemoteEmulator
from tests.exchange.server import LoopbackExchange

__all__ = [
    "ApiKey",
    "Emulator",
    "EmulatorProcess",
    "Fault",
    "FeeIn",
    "LoopbackExchange",
    "Market",
    "RemoteEmulator",
    "Spoil",
    "body_of",
    "make_market",
    "mangled",
    "reset",
    "slow",
    "status",
    "truncated",
]
