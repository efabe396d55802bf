"""What is wrong between the exchange's ledger and our books. Pure: evidence in, findings out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from benchmarks.chaos.evidence import PREFIX, BookedOrder, Books, Decision, Fill, Truth

ZERO = Decimal(0)
UNSETTLED = frozenset({"NEW", "SUBMITTING", "UNKNOWN", "NEEDS_HUMAN"})
WORKING = frozenset({"OPEN", "PARTIAL"})
NEVER_THERE = frozenset({"NEW", "DENIED", "REJECTED", "NOT_SENT"})
# Ends as the books name them -> as the exchange does.
ENDS = {"FILLED": "FILLED", "CANCELED": "CANCELED", "EXPIRED": "EXPIRED"}


class Wrong(StrEnum):
    """What can be wrong; each must not happen once."""

    DUPLICATE = "duplicate"
    LOST_ORDER = "lost order"
    LOST_FILL = "lost fill"
    DRIFT = "drift"
    LATE_CLAIM = "claim after a stop"
    UNSETTLED = "unsettled"
    CONTRADICTED = "contradicted"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that must not be; `client_id` is "" where it isn't about one order."""

    wrong: Wrong
    text: str
    client_id: str = ""


def judge(truth: Truth, books: Books, decisions: Sequence[Decision]) -> list[Finding]:
    """Everything that is wrong after the dust has settled; empty is a pass."""
    return [
        *_duplicates(truth),
        *_decided_twice(truth, books, decisions),
        *_lost_orders(truth, books),
        *_lost_answers(books, decisions),
        *_lost_fills(truth, books),
        *_unlike(truth, books),
        *_positions(truth, books),
        *_balances(truth, books),
        *_late_claims(truth, books),
        *_log(books),
    ]


def _duplicates(truth: Truth) -> Iterator[Finding]:
    """By client id: accepted twice, or sent twice even if the exchange turned the second away."""
    accepted = Counter(order.client_id for order in truth.orders)
    for client_id, count in accepted.items():
        if client_id.startswith(PREFIX) and count > 1:
            yield Finding(Wrong.DUPLICATE, f"{count} orders with one client id", client_id)
    for client_id, count in truth.sends.items():
        if client_id.startswith(PREFIX) and count > 1:
            yield Finding(Wrong.DUPLICATE, f"sent {count} times", client_id)


def _decided_twice(truth: Truth, books: Books, decisions: Sequence[Decision]) -> Iterator[Finding]:
    """By quantity: one decision became two orders, whatever their client ids are."""
    by_bots = {order.client_id for order in books.orders if order.by_bot}
    found: dict[tuple[str, str, Decimal], set[str]] = defaultdict(set)
    for order in truth.orders:
        if order.client_id.startswith(PREFIX) and order.client_id not in by_bots:
            found[order.symbol, order.side, order.qty].add(order.client_id)
    for decision in decisions:
        there = found[decision.symbol, decision.side, decision.qty]
        if len(there) > 1:
            text = f"decision {decision.key} became {sorted(there)}"
            yield Finding(Wrong.DUPLICATE, text, min(there))
        answered = set(decision.client_ids)
        if len(answered) > 1:
            text = f"decision {decision.key} was answered with {sorted(answered)}"
            yield Finding(Wrong.DUPLICATE, text, min(answered))


def _lost_orders(truth: Truth, books: Books) -> Iterator[Finding]:
    known = {order.client_id: order for order in books.orders}
    there = {order.client_id for order in truth.orders}
    for order in truth.orders:
        if not order.client_id.startswith(PREFIX):
            continue
        ours = known.get(order.client_id)
        if ours is None:
            yield Finding(Wrong.LOST_ORDER, "not in our books", order.client_id)
        elif ours.status in NEVER_THERE and order.status != "REJECTED":
            text = f"{ours.status} in our books, {order.status} there"
            yield Finding(Wrong.LOST_ORDER, text, order.client_id)
    for ours in books.orders:
        ended_unsent = ours.status == "CANCELED" and not ours.sent
        if ours.status in WORKING | set(ENDS) and not ended_unsent and ours.client_id not in there:
            text = f"{ours.status} in our books, unknown there"
            yield Finding(Wrong.LOST_ORDER, text, ours.client_id)


def _lost_answers(books: Books, decisions: Sequence[Decision]) -> Iterator[Finding]:
    """What a caller was told must be in the books for good."""
    known = {order.client_id for order in books.orders}
    for decision in decisions:
        for client_id in set(decision.client_ids) - known:
            text = f"decision {decision.key} was answered with it, it isn't in our books"
            yield Finding(Wrong.LOST_ORDER, text, client_id)


def _lost_fills(truth: Truth, books: Books) -> Iterator[Finding]:
    theirs = Counter(fill for fill in truth.fills if fill.client_id.startswith(PREFIX))
    ours = Counter(books.fills)
    for fill in theirs - ours:
        yield Finding(Wrong.LOST_FILL, f"fill {fill.trade_id} isn't booked", fill.client_id)
    for fill in ours - theirs:
        text = f"fill {fill.trade_id} is booked and isn't there, or differs"
        yield Finding(Wrong.LOST_FILL, text, fill.client_id)


def _unlike(truth: Truth, books: Books) -> Iterator[Finding]:
    """Every order has ended as it did there, or truly works."""
    there = {order.client_id: order for order in truth.orders}
    for ours in books.orders:
        theirs = there.get(ours.client_id)
        if ours.status in UNSETTLED:
            yield Finding(Wrong.UNSETTLED, f"still {ours.status}", ours.client_id)
        elif theirs is None or ours.status in NEVER_THERE:
            continue
        elif theirs.filled != ours.filled:
            text = f"filled {ours.filled} in our books, {theirs.filled} there"
            yield Finding(Wrong.DRIFT, text, ours.client_id)
        elif theirs.is_open != (ours.status in WORKING) or _ended_otherwise(ours, theirs.status):
            text = f"{ours.status} in our books, {theirs.status} there"
            yield Finding(Wrong.UNSETTLED, text, ours.client_id)


def _ended_otherwise(ours: BookedOrder, status: str) -> bool:
    if ours.status in WORKING:
        return False
    # What was refused after it had begun to fill counts as canceled here.
    return ENDS[ours.status] != status and (ours.status, status) != ("CANCELED", "REJECTED")


def _positions(truth: Truth, books: Books) -> Iterator[Finding]:
    """Positions and cash of every bot, from the exchange's fills alone."""
    owner = {order.client_id: order for order in books.orders}
    held: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    gained: dict[int, Decimal] = defaultdict(Decimal)
    for fill in truth.fills:
        order = owner.get(fill.client_id)
        if order is not None:
            base, quote = changes(order, fill)
            held[order.bot, order.base] += base
            gained[order.bot] += quote
    for who in sorted({*held, *books.positions}):
        ours, theirs = books.positions.get(who, ZERO), held.get(who, ZERO)
        if ours != theirs:
            yield Finding(Wrong.DRIFT, f"bot {who[0]} has {ours} {who[1]}, its fills say {theirs}")
    for bot in sorted({*gained, *books.cash}):
        ours, theirs = books.cash.get(bot, ZERO), gained.get(bot, ZERO)
        if ours != theirs:
            yield Finding(Wrong.DRIFT, f"bot {bot} gained {ours} of cash, its fills say {theirs}")


def changes(order: BookedOrder, fill: Fill) -> tuple[Decimal, Decimal]:
    """What a fill does to (base, quote), with its fee where it is in one of the two."""
    sign = 1 if order.side == "BUY" else -1
    fee = {fill.fee_asset: fill.fee}
    base = sign * fill.qty - fee.get(order.base, ZERO)
    return base, -sign * fill.qty * fill.price - fee.get(order.quote, ZERO)


def _balances(truth: Truth, books: Books) -> Iterator[Finding]:
    """Opening balances and all that we booked, against what the account has."""
    if not books.expected:
        yield Finding(Wrong.DRIFT, "no opening balance was ever taken")
    for asset in sorted({*books.expected, *truth.balances} if books.expected else ()):
        ours, theirs = books.expected.get(asset, ZERO), truth.balances.get(asset, ZERO)
        if ours != theirs:
            yield Finding(Wrong.DRIFT, f"{ours} {asset} in our books, {theirs} there")
    for text in truth.problems:
        yield Finding(Wrong.DRIFT, f"the exchange's own books: {text}")


def _late_claims(truth: Truth, books: Books) -> Iterator[Finding]:
    """Along the audit chain: nothing is claimed while stopped, nothing sent without a claim."""
    stopped, claimed = False, Counter[str]()
    for event in sorted(books.events, key=lambda event: event.seq):
        if event.action == "system.emergency_stopped":
            stopped = True
        elif event.action == "system.resumed":
            stopped = False
        elif event.action == "order.claimed":
            claimed[event.client_id] += 1
            if stopped:
                yield Finding(Wrong.LATE_CLAIM, "claimed while stopped", event.client_id)
    for client_id in truth.sends:
        if client_id.startswith(PREFIX) and claimed[client_id] != 1:
            text = f"sent, with {claimed[client_id]} claims"
            yield Finding(Wrong.LATE_CLAIM, text, client_id)


def _log(books: Books) -> Iterator[Finding]:
    for event in books.events:
        if event.action == "verdict.contradicted":
            yield Finding(Wrong.CONTRADICTED, "a verdict was turned over", event.client_id)
    for text in books.audit:
        yield Finding(Wrong.AUDIT, text)
    for text in books.incidents:
        yield Finding(Wrong.DRIFT, f"an incident stands: {text}")
    if books.last_cycles and books.last_cycles[0] != "CLEAN":
        text = f"the last reconciliation was {books.last_cycles[0].lower()}"
        yield Finding(Wrong.DRIFT, text)
