"""What is traded, in no venue's words: orders, fills, refusals. Money is Decimal."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

ZERO = Decimal(0)
SATOSHI = Decimal("0.00000001")


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class Kind(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"


class Tif(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class Status(StrEnum):
    UNTRIGGERED = "UNTRIGGERED"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"  # no book left, or the rest of an IOC or FOK
    REJECTED = "REJECTED"  # accepted first, refused later


OPEN = frozenset({Status.UNTRIGGERED, Status.NEW, Status.PARTIALLY_FILLED})


class Reason(StrEnum):
    """Why the exchange says no; each venue has its own code and text for it."""

    SYMBOL_UNKNOWN = "SYMBOL_UNKNOWN"
    HALTED = "HALTED"
    PRICE_TICK = "PRICE_TICK"
    PRICE_RANGE = "PRICE_RANGE"
    PRICE_TOO_HIGH = "PRICE_TOO_HIGH"
    PRICE_TOO_LOW = "PRICE_TOO_LOW"
    QTY_STEP = "QTY_STEP"
    QTY_BELOW_MINIMUM = "QTY_BELOW_MINIMUM"
    QTY_ABOVE_MAXIMUM = "QTY_ABOVE_MAXIMUM"
    NOTIONAL_BELOW_MINIMUM = "NOTIONAL_BELOW_MINIMUM"
    BALANCE_INSUFFICIENT = "BALANCE_INSUFFICIENT"
    CLIENT_ID_TAKEN = "CLIENT_ID_TAKEN"
    WOULD_TAKE = "WOULD_TAKE"
    WOULD_TRIGGER = "WOULD_TRIGGER"
    STOP_NOT_TAKEN = "STOP_NOT_TAKEN"  # at the market: only with a limit
    TOO_MANY_STOPS = "TOO_MANY_STOPS"
    ORDER_UNKNOWN = "ORDER_UNKNOWN"


class Refusal(Exception):
    """Nothing has happened, and this is why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True, kw_only=True)
class Wanted:
    """An order as a client asks for it: `qty` in base, or for a market order `cost` in quote."""

    account: str
    symbol: str  # the exchange's id, as BTCUSDT
    side: Side
    kind: Kind
    qty: Decimal = ZERO
    cost: Decimal = ZERO
    price: Decimal = ZERO
    client_id: str = ""
    tif: Tif = Tif.GTC
    post_only: bool = False
    trigger: Decimal = ZERO
    trigger_rising: bool = False  # whether the price has to rise to the trigger
    locks: bool = True  # whether a waiting stop holds its money already
    words: dict[str, str] = field(default_factory=dict)  # what the venue will echo


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution; `fee` is in `fee_asset`."""

    trade_id: int
    order_id: str
    client_id: str
    account: str
    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    at_ms: int

    @property
    def cost(self) -> Decimal:
        return self.price * self.qty


@dataclass(slots=True, kw_only=True)
class Order:
    """An accepted order, as the exchange knows it."""

    id: str
    wanted: Wanted
    status: Status
    created_ms: int
    updated_ms: int
    filled: Decimal = ZERO
    cost: Decimal = ZERO  # quote spent or earned
    locked: Decimal = ZERO  # of the quote asset for a buy, of the base asset for a sell
    fills: list[Fill] = field(default_factory=list)
    reject_reason: str = ""
    hidden_queries: int = 0
    hidden_until_ms: int = 0

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def remaining(self) -> Decimal:
        return max(self.wanted.qty - self.filled, ZERO)

    @property
    def average(self) -> Decimal:
        return self.cost / self.filled if self.filled else ZERO

    def fees(self) -> dict[str, Decimal]:
        """What was paid, by asset."""
        paid: dict[str, Decimal] = {}
        for fill in self.fills:
            paid[fill.fee_asset] = paid.get(fill.fee_asset, ZERO) + fill.fee
        return paid


def floor_to(step: Decimal, value: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value`."""
    return (value / step).to_integral_value(ROUND_DOWN) * step


def text(value: Decimal, places: int | None = None) -> str:
    """A number as exchanges print it: never an exponent; without `places` no zeros at the end."""
    if places is not None:
        return f"{value:.{places}f}"
    printed = f"{value:f}"
    return printed.rstrip("0").rstrip(".") if "." in printed else printed
