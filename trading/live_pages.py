"""What stands between a bot and real money; gathered here for its page and for the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from trading import queries, services
from trading.models import Bot, ExchangeAccount, LiveGrant
from trading.queries import Gate
from trading.services import Caps


@dataclass(frozen=True, slots=True)
class GoingLive:
    """A bot, the account it would trade with, its open request or grant, and every gate."""

    bot: Bot
    account: ExchangeAccount | None
    grant: LiveGrant | None
    gates: list[Gate]

    @property
    def open(self) -> bool:
        return all(gate.ok for gate in self.gates)


def going_live(
    bot_id: int, *, now: datetime, account_id: int | None = None, caps: Caps | None = None
) -> GoingLive:
    """What isn't given is taken from the grant, the bot, or the only account that fits."""
    bot = services.get_bot(bot_id)
    grant = queries.grant_of(bot, now)
    account = services.get_account(account_id) if account_id else _account(bot, grant)
    if caps is None and grant is not None and grant.account == account:
        caps = Caps(grant.max_order, grant.max_exposure)
    gates = services.checklist(bot=bot, account=account, caps=caps, now=now)
    return GoingLive(bot, account, grant, gates)


def _account(bot: Bot, grant: LiveGrant | None) -> ExchangeAccount | None:
    if grant is not None:
        return grant.account
    if bot.account is not None:
        return bot.account
    exchanges = bot.symbols.values("exchange")
    fitting = queries.accounts().filter(exchange__in=exchanges)[:2]
    return fitting[0] if len(fitting) == 1 else None
