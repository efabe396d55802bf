"""Nouns of trading, one file per subject."""

from trading.models.accounts import Confirmation, ExchangeAccount, LiveGrant
from trading.models.audit import AuditEvent, IdempotencyKey
from trading.models.bots import Bot, DecisionRecord, Job
from trading.models.orders import Fill, Order, OrderIntent, OrderTransition
from trading.models.people import ApiToken
from trading.models.portfolio import PortfolioSnapshot, Position, Trade
from trading.models.protection import Protection
from trading.models.reconciliation import (
    BalanceAdjustment,
    FillCursor,
    Incident,
    OpeningBalance,
    ReconcileRun,
    Reconciliation,
)
from trading.models.simulations import BotDrift, Search, SearchChunk, Simulation, TrialCount
from trading.models.system import HaltRequest, Heartbeat, SystemState, Watchpoint

__all__ = [
    "ApiToken",
    "AuditEvent",
    "BalanceAdjustment",
    "Bot",
    "BotDrift",
    "Confirmation",
    "DecisionRecord",
    "ExchangeAccount",
    "Fill",
    "FillCursor",
    "HaltRequest",
    "Heartbeat",
    "IdempotencyKey",
    "Incident",
    "Job",
    "LiveGrant",
    "OpeningBalance",
    "Order",
    "OrderIntent",
    "OrderTransition",
    "PortfolioSnapshot",
    "Position",
    "Protection",
    "ReconcileRun",
    "Reconciliation",
    "Search",
    "SearchChunk",
    "Simulation",
    "SystemState",
    "Trade",
    "TrialCount",
    "Watchpoint",
]
