"""Where orders go. `broker_for` is the only place that chooses between paper and live."""

from __future__ import annotations

from trading.brokers.paper import PaperBroker
from trading.brokers.protocol import Ack, Broker, Outcome, Placement
from trading.errors import LiveNotGranted

__all__ = ["Ack", "Broker", "Outcome", "Placement", "broker_for"]


def broker_for(*, paper: bool) -> Broker:
    """The broker of a bot. Raises LiveNotGranted: no live broker is granted to anything yet."""
    if not paper:
        raise LiveNotGranted("Live trading needs a live grant; there is none.")
    return PaperBroker()
