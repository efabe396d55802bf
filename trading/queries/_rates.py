"""How much of the exchanges' limits is used."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from config.rate_budget import Use, shared_budget
from trading.brokers.rates import RateMeter
from trading.models import ExchangeAccount


@dataclass(frozen=True, slots=True)
class AccountRates:
    """The limits that one account's calls count against; some belong to the whole address."""

    account: ExchangeAccount
    uses: list[Use]

    @property
    def closed_s(self) -> float:
        """For how long the exchange wants no call from us at all; 0 is open."""
        return max((use.closed_s for use in self.uses), default=0.0)

    @property
    def fullest(self) -> float:
        """The used part of the limit that is nearest to its end; 1 is the exchange's limit."""
        return max((use.used / use.window.limit for use in self.uses), default=0.0)


def base_url_of(account: ExchangeAccount) -> str:
    """Where its exchange is reached; "" is the exchange's own address."""
    env = settings.ENV
    urls = {
        ExchangeAccount.Exchange.BINANCE: env.binance_base_url,
        ExchangeAccount.Exchange.BYBIT: env.bybit_base_url,
    }
    return str(urls[ExchangeAccount.Exchange(account.exchange)])


def meter_of(account: ExchangeAccount) -> RateMeter:
    """What counts an account's calls."""
    return RateMeter(
        shared_budget(settings.ENV.rate_budget_share),
        account.exchange,
        account=str(account.pk),
        base_url=base_url_of(account),
    )


def account_rates() -> list[AccountRates]:
    """Of every account that was not removed."""
    rows = ExchangeAccount.objects.filter(removed_at=None)
    return [AccountRates(account, meter_of(account).uses()) for account in rows]


def rate_reasons() -> list[str]:
    """Accounts that may not be asked anything now, because their exchange said so."""
    return [
        f"{rates.account.name}: {rates.account.exchange} wants no request for"
        f" {rates.closed_s:.0f} s."
        for rates in account_rates()
        if rates.closed_s
    ]
