"""Private streams of accounts: which to listen to, and what a message brings about: a look, now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson
from django.conf import settings
from django.db.models import Max

from config import bus
from trading.models import ExchangeAccount, Fill, Order, Reconciliation
from trading.order_state import OrderStatus
from trading.queries import reconciled_accounts
from trading.queries._rates import base_url_of
from trading.queries._streams import StreamState, stream_key

EXPIRES_S = 20  # a feed that is gone says nothing any more
ON_THE_WAY = (OrderStatus.NEW, OrderStatus.SUBMITTING)


@dataclass(frozen=True, slots=True)
class Followed:
    """An account to listen to. A change of `mark` asks for another stream."""

    account: ExchangeAccount
    address: str  # "" is the exchange's own
    newest_fill_at: datetime | None  # by the exchange's clock

    @property
    def mark(self) -> tuple[str, str]:
        return self.account.sealed_secret, self.address


def followed_accounts() -> list[Followed]:
    """Those that are reconciled; none where streams are off or lead to another exchange."""
    if not settings.ENV.private_streams:
        return []
    rows = list(reconciled_accounts().filter(removed_at=None))
    filled = Fill.objects.filter(order__account__in=rows).values("order__account")
    newest = dict(filled.annotate(newest=Max("at")).values_list("order__account", "newest"))
    return [
        Followed(account, _address(account), newest.get(account.pk))
        for account in rows
        if _address(account) or not base_url_of(account)
    ]


def hurry_account(*, account_id: int) -> bool:
    """Let the account be asked now; True while an order of it is still on its way.

    Such an order isn't polled yet: who heard of it should say so again.
    """
    ExchangeAccount.objects.filter(pk=account_id).update(polled_at=None)
    return Order.objects.filter(account_id=account_id, status__in=ON_THE_WAY).exists()


def stream_came_up(*, account_id: int, now: datetime) -> None:
    """What happened before the subscription was told to nobody: poll and reconcile now."""
    hurry_account(account_id=account_id)
    Reconciliation.objects.filter(account_id=account_id).update(due_at=now)


def put_stream_states(*, states: Mapping[int, StreamState]) -> None:
    """Tell how the streams are, by account; nothing where the bus is away."""
    from redis import RedisError

    try:
        pipeline = bus.client().pipeline(transaction=False)
        for account_id, state in states.items():
            pipeline.set(stream_key(account_id), orjson.dumps(state), ex=EXPIRES_S)
        pipeline.execute()
    except (RedisError, OSError):
        return


def _address(account: ExchangeAccount) -> str:
    env = settings.ENV
    addresses = {
        ExchangeAccount.Exchange.BINANCE: env.binance_stream_base_url,
        ExchangeAccount.Exchange.BYBIT: env.bybit_stream_base_url,
    }
    return str(addresses[ExchangeAccount.Exchange(account.exchange)])
