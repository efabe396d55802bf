"""Nouns of trading, one file per subject."""

from trading.models.accounts import ExchangeAccount, LiveGrant
from trading.models.audit import AuditEvent, IdempotencyKey
from trading.models.bots import Bot, DecisionRecord, Job
from trading.models.orders import Fill, Order, OrderIntent, OrderTransition
from trading.models.people import ApiToken
from trading.models.portfolio import PortfolioSnapshot, Position, Trade
from trading.models.simulations import BotDrift, Search, SearchChunk, Simulation, TrialCount
from trading.models.system import HaltRequest, Heartbeat, SystemState

__all__ = [
    "ApiToken",
    "AuditEvent",
    "Bot",
    "BotDrift",
    "DecisionRecord",
    "ExchangeAccount",
    "Fill",
    "HaltRequest",
    "Heartbeat",
    "IdempotencyKey",
    "Job",
    "LiveGrant",
    "Order",
    "OrderIntent",
    "OrderTransition",
    "PortfolioSnapshot",
    "Position",
    "Search",
    "SearchChunk",
    "Simulation",
    "SystemState",
    "Trade",
    "TrialCount",
]
