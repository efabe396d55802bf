"""Rules of reconciliation: what differs between our books and an exchange's. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from trading.order_state import WORKING, OrderStatus

PREFIX = "cs-"  # of every client order id that we make
DUST = Decimal("0.00000001")  # exchanges round each posting to it
ZERO = Decimal(0)

Change = tuple[str, Decimal]  # (asset, how much more of it)


class Listed(Protocol):
    """A working order as its exchange lists it."""

    @property
    def client_order_id(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def qty(self) -> Decimal: ...
    @property
    def filled_qty(self) -> Decimal: ...
    @property
    def updated_ms(self) -> int: ...


L = Listed


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that both sides say otherwise; `(kind, key)` is the same while it lasts."""

    kind: str
    key: str
    ours: str
    theirs: str
    asset: str = ""
    symbol: str = ""
    order_id: int | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


def is_ours(client_order_id: str) -> bool:
    """Whether an order bears our mark. Any other is somebody else's and is never touched."""
    return client_order_id.startswith(PREFIX)


def changes_of_fill(
    *,
    buy: bool,
    qty: Decimal,
    price: Decimal,
    fee: Decimal,
    fee_asset: str,
    base: str,
    quote: str,
) -> Iterator[Change]:
    """What a fill does to an account; its fee may be in base, quote or a third asset."""
    sign = 1 if buy else -1
    yield base, sign * qty
    yield quote, -sign * qty * price
    if fee:
        yield fee_asset, -fee


def expected_balances(opening: Mapping[str, Decimal], changes: Iterable[Change]) -> Books:
    """Opening plus everything that is booked, and how often rounding may have hidden some."""
    totals: dict[str, Decimal] = defaultdict(Decimal, opening)
    rounded: dict[str, int] = defaultdict(int)
    for asset, change in changes:
        totals[asset] += change
        rounded[asset] += bool(change % DUST)
    return Books(dict(totals), dict(rounded))


@dataclass(frozen=True, slots=True)
class Books:
    """What an account should hold by our own ledger."""

    totals: Mapping[str, Decimal]
    rounded: Mapping[str, int] = field(default_factory=dict)  # postings finer than a dust

    def tolerance(self, asset: str, steps: Mapping[str, Decimal]) -> Decimal:
        """One step, and a dust for each posting that was rounded: more is a difference."""
        return steps.get(asset, ZERO) + DUST * (1 + self.rounded.get(asset, 0))


def compare_balances(
    ours: Books,
    theirs: Mapping[str, Decimal],
    *,
    steps: Mapping[str, Decimal],
    unsure: Collection[str] = (),
) -> list[Difference]:
    """Assets whose totals differ by more than the tolerance; those in `unsure` are left out."""
    found = []
    for asset in sorted({*ours.totals, *theirs} - set(unsure)):
        here, there = ours.totals.get(asset, ZERO), theirs.get(asset, ZERO)
        if abs(there - here) <= ours.tolerance(asset, steps):
            continue
        evidence = {
            "difference": text(there - here),
            "tolerance": text(ours.tolerance(asset, steps)),
        }
        found.append(
            Difference("BALANCE", asset, text(here), text(there), asset=asset, evidence=evidence)
        )
    return found


def orphans(listed: Iterable[L], known: Collection[str], *, before_ms: int) -> list[Difference]:
    """Working orders with our mark that we have no row of, unless they are newer than that."""
    return [
        Difference(
            "ORPHAN",
            order.client_order_id,
            "unknown",
            f"works, {text(order.filled_qty)} of {text(order.qty)} filled",
            symbol=order.symbol,
            evidence=evidence_of(order),
        )
        for order in listed
        if is_ours(order.client_order_id)
        and order.client_order_id not in known
        and order.updated_ms <= before_ms
    ]


def is_contradicted(status: OrderStatus) -> bool:
    """Whether an order that its exchange lists as working can't be where we have it."""
    return status in (OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.FILLED)


def is_late(status: OrderStatus) -> bool:
    """Whether it can be taken up again: we held that it never stood."""
    return status in (OrderStatus.NOT_SENT, OrderStatus.REJECTED)


def is_working(status: str) -> bool:
    return status in WORKING


def evidence_of(order: Any) -> dict[str, Any]:
    """An order or a fill of the exchange as it goes into a JSON column."""
    names = getattr(order, "__slots__", ())
    return {name: _plain(getattr(order, name)) for name in names}


def text(value: Decimal) -> str:
    """1.50 -> "1.5"; never an exponent."""
    short = value.normalize()
    return f"{short:f}" if short else "0"


def _plain(value: Any) -> Any:
    return text(value) if isinstance(value, Decimal) else value
