"""How money moves: locks of open orders, fills, fees. Each change of property is posted."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from tests.exchange.accounts import Account, Accounts, FeeIn
from tests.exchange.books import Book, Take
from tests.exchange.ledger import Ledger, Posting
from tests.exchange.orders import (
    SATOSHI,
    ZERO,
    Fill,
    Kind,
    Order,
    Reason,
    Refusal,
    Side,
    Status,
    Wanted,
)


@dataclass(slots=True)
class Settlement:
    accounts: Accounts
    ledger: Ledger
    third_price: dict[str, Decimal] = field(default_factory=dict)  # of BNB in quote, by quote
    _trade_id: int = 1000

    def deposit(self, account: str, asset: str, qty: Decimal, at_ms: int) -> None:
        """Add to what an account owns; a negative `qty` takes away."""
        self._post(self.accounts.account(account), asset, qty, "deposit", at_ms)

    def lock(self, order: Order) -> None:
        """Put aside what the order may cost. Raises Refusal if the account has less."""
        account = self.accounts.account(order.wanted.account)
        need = order.wanted.qty * _lock_of_one(order, account)
        balance = account.balance(pays_in(order))
        if balance.free < need:
            raise Refusal(Reason.BALANCE_INSUFFICIENT)
        balance.free -= need
        balance.locked += need
        order.locked = need

    def unlock(self, order: Order) -> None:
        """Give back what is still put aside."""
        balance = self.accounts.account(order.wanted.account).balance(pays_in(order))
        balance.locked -= order.locked
        balance.free += order.locked
        order.locked = ZERO

    def afford(self, order: Order, takes: list[Take]) -> None:
        """Raise Refusal unless the account can pay for all `takes` at once."""
        account = self.accounts.account(order.wanted.account)
        need = sum((take.qty * take.price for take in takes), ZERO)
        if order.wanted.side is Side.SELL:
            need = order.wanted.qty or sum((take.qty for take in takes), ZERO)
        else:
            need = max(need, order.wanted.cost)
            need += need * account.taker_rate if account.fee_in is FeeIn.QUOTE else ZERO
        if account.balance(pays_in(order)).free < need:
            raise Refusal(Reason.BALANCE_INSUFFICIENT)

    def fill(self, order: Order, book: Book, take: Take, *, maker: bool, at_ms: int) -> Fill:
        """Execute one piece of an order: goods, money, fee, and the order's own sums."""
        account = self.accounts.account(order.wanted.account)
        self._release(order, account, take.qty)
        asset, fee = self._fee(order, account, take, maker)
        fill = self._record(order, take, (asset, fee), maker, at_ms)
        sign = 1 if order.wanted.side is Side.BUY else -1
        why = f"trade {fill.trade_id}"
        self._post(account, order.wanted.words["base"], sign * take.qty, why, at_ms)
        self._post(account, order.wanted.words["quote"], -sign * fill.cost, why, at_ms)
        self._post(account, asset, -fee, why, at_ms)
        book.consume(take)
        return fill

    def _release(self, order: Order, account: Account, qty: Decimal) -> None:
        if order.locked:
            part = min(qty * _lock_of_one(order, account), order.locked)
            balance = account.balance(pays_in(order))
            balance.locked -= part
            balance.free += part
            order.locked -= part

    def _record(
        self, order: Order, take: Take, fee: tuple[str, Decimal], maker: bool, at_ms: int
    ) -> Fill:
        wanted = order.wanted
        self._trade_id += 1
        fill = Fill(
            trade_id=self._trade_id,
            order_id=order.id,
            client_id=wanted.client_id,
            account=wanted.account,
            symbol=wanted.symbol,
            side=wanted.side,
            price=take.price,
            qty=take.qty,
            fee=fee[1],
            fee_asset=fee[0],
            maker=maker,
            at_ms=at_ms,
        )
        order.fills.append(fill)
        order.filled += take.qty
        order.cost += fill.cost
        order.updated_ms = at_ms
        done = bool(wanted.qty) and not order.remaining
        order.status = Status.FILLED if done else Status.PARTIALLY_FILLED
        self.ledger.fills.append(fill)
        return fill

    def _fee(self, order: Order, account: Account, take: Take, maker: bool) -> tuple[str, Decimal]:
        rate, words = account.rate(maker=maker), order.wanted.words
        in_quote = (take.qty * take.price * rate).quantize(SATOSHI)
        if account.fee_in is FeeIn.QUOTE:
            return words["quote"], in_quote
        price = self.third_price.get(words["quote"])
        if account.fee_in is FeeIn.THIRD and price:
            third = (in_quote / price).quantize(SATOSHI)
            if account.balance(account.third_asset).free >= third:
                return account.third_asset, third
        if order.wanted.side is Side.BUY:
            return words["base"], (take.qty * rate).quantize(SATOSHI)
        return words["quote"], in_quote

    def _post(self, account: Account, asset: str, change: Decimal, why: str, at_ms: int) -> None:
        account.balance(asset).free += change
        self.ledger.postings.append(Posting(at_ms, account.name, asset, change, why))


def pays_in(order: Order) -> str:
    """The asset an order gives away."""
    return order.wanted.words["quote" if order.wanted.side is Side.BUY else "base"]


def _lock_of_one(order: Order, account: Account) -> Decimal:
    wanted: Wanted = order.wanted
    if wanted.side is Side.SELL:
        return Decimal(1)
    price = wanted.price if wanted.kind is Kind.LIMIT else wanted.trigger
    with_fee = 1 + account.taker_rate if account.fee_in is FeeIn.QUOTE else Decimal(1)
    return price * with_fee
