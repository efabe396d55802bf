"""What an exchange tells about an account: orders, fills, balances, rights of a key."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trading.order_state import OrderStatus


@dataclass(frozen=True, slots=True)
class Reference:
    """An order of ours, by what we knew before the exchange did."""

    client_order_id: str
    symbol: str  # "BTC/USDT"
    kind: str = "MARKET"


@dataclass(frozen=True, slots=True)
class OrderReport:
    """An order as its exchange has it; ours or somebody else's."""

    client_order_id: str
    exchange_order_id: str
    symbol: str
    buy: bool
    qty: Decimal
    price: Decimal | None
    filled_qty: Decimal
    status: OrderStatus  # OPEN, PARTIAL, FILLED, CANCELED, EXPIRED or REJECTED
    updated_ms: int


@dataclass(frozen=True, slots=True)
class ReportedFill:
    """A fill as its exchange tells it, with the fee and its asset."""

    exchange_fill_id: str
    exchange_order_id: str
    client_order_id: str  # "" where the exchange doesn't say it
    symbol: str
    buy: bool
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class Balance:
    """One asset of an account."""

    asset: str
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


@dataclass(frozen=True, slots=True)
class KeyRights:
    """What a key may do."""

    trade: bool
    withdraw: bool
    ip_bound: bool


class Presence(StrEnum):
    """Whether an exchange has an order; no answer is no evidence."""

    FOUND = "FOUND"
    ABSENT = "ABSENT"  # it says that there is none: not yet a verdict
    UNANSWERED = "UNANSWERED"


@dataclass(frozen=True, slots=True)
class Lookup:
    """The answer to "what became of it?"."""

    presence: Presence
    report: OrderReport | None = None
    code: str = ""
