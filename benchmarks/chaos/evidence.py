"""What is judged: the exchange's ledger, our books, and what the driver wanted. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Said = Mapping[str, Any]

PREFIX = "cs-"  # of every client id that a console makes
PLACES = "POST /api/v3/order"
CALM = "calm"  # the kind of a decision that nothing disturbed


@dataclass(frozen=True, slots=True)
class ExchangeOrder:
    """An order that the exchange accepted; symbols are its own, as BTCUSDT."""

    client_id: str
    symbol: str
    side: str
    qty: Decimal
    filled: Decimal
    status: str

    @property
    def is_open(self) -> bool:
        return self.status in {"UNTRIGGERED", "NEW", "PARTIALLY_FILLED"}


@dataclass(frozen=True, slots=True)
class Fill:
    """An execution, as either side tells it."""

    client_id: str
    trade_id: str
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str


@dataclass(slots=True)
class Truth:
    """The exchange's side. `sends` counts the requests to place, answered or not."""

    orders: list[ExchangeOrder] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    balances: dict[str, Decimal] = field(default_factory=dict)
    sends: dict[str, int] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)  # client id -> fault of its request
    problems: list[str] = field(default_factory=list)  # of the exchange's own books


@dataclass(frozen=True, slots=True)
class BookedOrder:
    """An order of ours. `by_bot`: a bot decided it, no person."""

    client_id: str
    bot: int
    base: str
    quote: str
    side: str
    qty: Decimal
    filled: Decimal
    status: str
    by_bot: bool
    sent: bool = True  # it was claimed, so it may have left

    @property
    def symbol(self) -> str:
        return self.base + self.quote


@dataclass(frozen=True, slots=True)
class Event:
    """An audit event, in the order of the chain."""

    seq: int
    action: str
    client_id: str = ""


@dataclass(slots=True)
class Books:
    """Our side. Positions by (bot, base asset); cash is what each bot gained since its start."""

    orders: list[BookedOrder] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    positions: dict[tuple[int, str], Decimal] = field(default_factory=dict)
    cash: dict[int, Decimal] = field(default_factory=dict)
    expected: dict[str, Decimal] = field(default_factory=dict)  # balances, by opening and fills
    events: list[Event] = field(default_factory=list)
    incidents: list[str] = field(default_factory=list)  # that stand at the end
    audit: list[str] = field(default_factory=list)  # what is wrong with the chain
    last_cycles: list[str] = field(default_factory=list)  # newest reconciliations, newest first
    cycles: dict[str, int] = field(default_factory=dict)  # reconciliations by outcome


@dataclass(slots=True)
class Decision:
    """One order that the driver wanted, under one idempotency key, as often as it asked."""

    key: str
    symbol: str
    side: str
    qty: Decimal  # no other decision about this symbol has it
    made_s: float  # on the runner's monotonic clock
    kind: str = CALM  # what was going on
    client_ids: list[str] = field(default_factory=list)  # of every answer that named an order
    refused: str = ""
    done_s: float | None = None  # its end was known here
    status: str = ""


def truth_of(ledger: Said, balances: Said, requests: Sequence[Said]) -> Truth:
    """From the emulator's `ledger`, `balances` and `requests`."""
    truth = Truth(
        orders=[_exchange_order(row) for row in ledger["orders"]],
        fills=[_exchange_fill(row) for row in ledger["fills"]],
        balances={
            asset: Decimal(row["free"]) + Decimal(row["locked"]) for asset, row in balances.items()
        },
        problems=list(ledger["problems"]),
    )
    for row in requests:
        client_id = row["params"].get("newClientOrderId", "")
        if client_id and f"{row['method']} {row['path']}" == PLACES:
            truth.sends[client_id] = truth.sends.get(client_id, 0) + 1
            if row["fault"]:
                truth.faults[client_id] = row["fault"]
    return truth


def books_of(told: Said) -> Books:
    """From what `books` prints."""
    return Books(
        orders=[
            BookedOrder(**{**row, "qty": Decimal(row["qty"]), "filled": Decimal(row["filled"])})
            for row in told["orders"]
        ],
        fills=[_booked_fill(row) for row in told["fills"]],
        positions={(row["bot"], row["base"]): Decimal(row["qty"]) for row in told["positions"]},
        cash={int(bot): Decimal(gained) for bot, gained in told["cash"].items()},
        expected={asset: Decimal(qty) for asset, qty in told["expected"].items()},
        events=[Event(**row) for row in told["events"]],
        incidents=list(told["incidents"]),
        audit=list(told["audit"]),
        last_cycles=list(told["last_cycles"]),
        cycles=dict(told["cycles"]),
    )


def _exchange_order(row: Said) -> ExchangeOrder:
    return ExchangeOrder(
        client_id=row["client_id"],
        symbol=row["symbol"],
        side=row["side"],
        qty=Decimal(row["qty"]),
        filled=Decimal(row["filled"]),
        status=row["status"],
    )


def _exchange_fill(row: Said) -> Fill:
    return _booked_fill({**row, "trade_id": str(row["trade_id"])})


def _booked_fill(row: Said) -> Fill:
    return Fill(
        client_id=row["client_id"],
        trade_id=row["trade_id"],
        qty=Decimal(row["qty"]),
        price=Decimal(row["price"]),
        fee=Decimal(row["fee"]),
        fee_asset=row["fee_asset"],
    )
