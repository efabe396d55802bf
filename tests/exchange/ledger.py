"""The truth, whatever the clients were told: orders, fills, balance changes, requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from tests.exchange.accounts import Accounts
from tests.exchange.orders import ZERO, Fill, Order, Side, Status


@dataclass(frozen=True, slots=True)
class Posting:
    """A change of what an account owns. Locks move nothing and are not here."""

    at_ms: int
    account: str
    asset: str
    change: Decimal
    why: str  # deposit, or the trade


@dataclass(slots=True)
class Asked:
    """One request, whatever became of it. Secrets and signatures are left out."""

    at_ms: int
    method: str
    path: str
    params: dict[str, str]
    fault: str = ""
    outcome: str = ""  # the HTTP status, or how the connection ended
    acted: bool = False  # whether the exchange did what it was asked


@dataclass(slots=True)
class Ledger:
    """Append-only. Lists may be read at any time, also while the exchange runs."""

    orders: list[Order] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    cancels: list[Order] = field(default_factory=list)
    postings: list[Posting] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)

    def by_client_id(self, client_id: str) -> list[Order]:
        """Every accepted order with this client id; more than one is a duplicate."""
        return [order for order in list(self.orders) if order.wanted.client_id == client_id]

    def order(self, client_id: str) -> Order:
        """The only order with this client id."""
        (found,) = self.by_client_id(client_id)
        return found

    def open_orders(self) -> list[Order]:
        return [order for order in list(self.orders) if order.is_open]

    def duplicates(self) -> dict[tuple[str, str], int]:
        """(account, client id) -> how many orders were accepted with it, where more than one."""
        ids = Counter(
            (order.wanted.account, order.wanted.client_id)
            for order in list(self.orders)
            if order.wanted.client_id
        )
        return {key: count for key, count in ids.items() if count > 1}

    def asked(self, path: str) -> list[Asked]:
        """The requests whose `METHOD path` holds `path`."""
        return [one for one in list(self.requests) if path in f"{one.method} {one.path}"]

    def owned(self, account: str) -> dict[str, Decimal]:
        """What the account must own: what came in, plus its fills, minus its fees."""
        totals: dict[str, Decimal] = {}

        def add(asset: str, change: Decimal) -> None:
            totals[asset] = totals.get(asset, ZERO) + change

        for posting in list(self.postings):
            if posting.account == account and posting.why == "deposit":
                add(posting.asset, posting.change)
        for order in list(self.orders):
            for fill in order.fills if order.wanted.account == account else ():
                sign = 1 if fill.side is Side.BUY else -1
                add(order.wanted.words["base"], sign * fill.qty)
                add(order.wanted.words["quote"], -sign * fill.cost)
                add(fill.fee_asset, -fill.fee)
        return totals

    def problems(self, accounts: Accounts) -> list[str]:
        """Sentences about what does not add up; empty while the exchange is consistent."""
        found = [f"{count} orders with client id {key[1]}" for key, count in _sorted(self)]
        for order in list(self.orders):
            found += _order_problems(order)
        found += self._balance_problems(accounts)
        return found

    def _balance_problems(self, accounts: Accounts) -> Iterator[str]:
        for account in list(accounts.accounts.values()):
            owned = self.owned(account.name)
            locks = _locks(self, account.name)
            for asset, balance in list(account.balances.items()):
                if balance.total != owned.get(asset, ZERO):
                    yield f"{account.name} has {balance.total} {asset}, not {owned.get(asset)}"
                if balance.locked != locks.get(asset, ZERO):
                    yield f"{account.name} locks {balance.locked} {asset}, not {locks.get(asset)}"
                if balance.free < 0 or balance.locked < 0:
                    yield f"{account.name} owes {asset}"


def _sorted(ledger: Ledger) -> list[tuple[tuple[str, str], int]]:
    return sorted(ledger.duplicates().items())


def _order_problems(order: Order) -> Iterator[str]:
    filled = sum((fill.qty for fill in order.fills), ZERO)
    if filled != order.filled:
        yield f"order {order.id} says {order.filled} filled, its fills say {filled}"
    if order.wanted.qty and order.filled > order.wanted.qty:
        yield f"order {order.id} is overfilled"
    if order.status is Status.FILLED and order.remaining:
        yield f"order {order.id} is filled with {order.remaining} left"
    if not order.is_open and order.locked:
        yield f"order {order.id} is closed and locks {order.locked}"


def _locks(ledger: Ledger, account: str) -> dict[str, Decimal]:
    locks: dict[str, Decimal] = {}
    for order in ledger.open_orders():
        if order.wanted.account == account:
            side = order.wanted.side
            asset = order.wanted.words["quote" if side is Side.BUY else "base"]
            locks[asset] = locks.get(asset, ZERO) + order.locked
    return locks
