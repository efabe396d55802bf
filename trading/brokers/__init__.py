"""Where orders go, and what may come back."""

from __future__ import annotations

from trading.brokers.paper import PaperBroker
from trading.brokers.protocol import AccountBroker, Ack, Broker, Outcome, Patience, Placement
from trading.brokers.reports import (
    Balance,
    KeyRights,
    Lookup,
    OrderReport,
    Presence,
    Reference,
    ReportedFill,
)

__all__ = [
    "AccountBroker",
    "Ack",
    "Balance",
    "Broker",
    "KeyRights",
    "Lookup",
    "OrderReport",
    "Outcome",
    "PaperBroker",
    "Patience",
    "Placement",
    "Presence",
    "Reference",
    "ReportedFill",
]
