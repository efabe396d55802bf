"""Who trades: balances, fees, and API keys with what they may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from tests.exchange.orders import ZERO


class FeeIn(StrEnum):
    """Which asset a fee is taken from."""

    RECEIVED = "RECEIVED"  # base of a buy, quote of a sell: the rule of both venues
    QUOTE = "QUOTE"
    THIRD = "THIRD"  # BNB, while there is enough of it


@dataclass(slots=True)
class Balance:
    free: Decimal = ZERO
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


@dataclass(slots=True)
class ApiKey:
    """A key of an account. Empty `ips` means any address."""

    key: str
    secret: str
    account: str = "main"
    can_read: bool = True
    can_trade: bool = True
    can_withdraw: bool = False
    ips: tuple[str, ...] = ()
    created_ms: int = 1_690_000_000_000


@dataclass(slots=True)
class Account:
    name: str = "main"
    balances: dict[str, Balance] = field(default_factory=dict)
    maker_rate: Decimal = Decimal("0.001")
    taker_rate: Decimal = Decimal("0.001")
    fee_in: FeeIn = FeeIn.RECEIVED
    third_asset: str = "BNB"

    def balance(self, asset: str) -> Balance:
        return self.balances.setdefault(asset, Balance())

    def rate(self, *, maker: bool) -> Decimal:
        return self.maker_rate if maker else self.taker_rate


@dataclass(slots=True)
class Accounts:
    """All accounts and keys of the exchange, by name and by key."""

    accounts: dict[str, Account] = field(default_factory=dict)
    keys: dict[str, ApiKey] = field(default_factory=dict)

    def account(self, name: str) -> Account:
        return self.accounts.setdefault(name, Account(name))

    def add_key(self, key: ApiKey) -> ApiKey:
        self.account(key.account)
        self.keys[key.key] = key
        return key
