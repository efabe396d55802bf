"""Which broker an order goes to: the paper market, or the account that it names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from django.conf import settings

from trading.brokers import AccountBroker, Broker, PaperBroker
from trading.models import ExchangeAccount, Order
from trading.queries._rates import base_url_of, meter_of
from trading.sealing import SealBroken
from trading.services.accounts._accounts import credentials_of

if TYPE_CHECKING:
    from trading.brokers.live import LiveBroker

BrokerFor = Callable[[Order], Broker]
BrokerOf = Callable[[ExchangeAccount], AccountBroker]

_made: dict[int, tuple[str, LiveBroker]] = {}
_lock = Lock()


def broker_for(order: Order) -> Broker:
    """The only place that chooses between paper and live. Raises SealBroken."""
    return PaperBroker() if order.account is None else broker_of(order.account)


def broker_of(account: ExchangeAccount) -> AccountBroker:
    """One client per account and process: it counts the exchange's limits. Raises SealBroken."""
    with _lock:
        key, broker = _made.get(account.pk, ("", None))
        if broker is None or key != account.sealed_secret:
            broker = _live(account)
            _made[account.pk] = (account.sealed_secret, broker)
        broker.offset_ms = account.offset_ms
    return broker


def warm_brokers() -> int:
    """Make the clients of all accounts in use, so that no order waits for it; how many."""
    made = 0
    for account in ExchangeAccount.objects.filter(enabled=True, removed_at=None):
        try:
            broker_of(account)
        except SealBroken:
            continue  # its check and its page say so
        made += 1
    return made


def doubt_clock(account_id: int) -> None:
    """Forget when an account's clock was read: nothing is bought until it was read again."""
    ExchangeAccount.objects.filter(pk=account_id).update(clock_at=None)


def _live(account: ExchangeAccount) -> LiveBroker:
    from trading.brokers.live import LiveBroker

    return LiveBroker(
        account.exchange,
        credentials_of(account),
        base_url=base_url_of(account),
        timeout_s=settings.ENV.exchange_timeout_s,
        rates=meter_of(account),
        on_wrong_time=partial(doubt_clock, account.pk),
    )
