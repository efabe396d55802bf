"""A live bot whose every gate is open, for the order machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.contrib.auth.models import User

from marketdata.models import Symbol, Ticker
from tests.trading.factories import NOW, make_account, make_bot, make_symbol, make_user
from trading.models import Bot, ExchangeAccount, LiveGrant


@dataclass(frozen=True, slots=True)
class Desk:
    """What all examples share: a granted live bot and the people around it."""

    bot: Bot
    account: ExchangeAccount
    symbol: Symbol
    admin: User


def make_desk() -> Desk:
    symbol = make_symbol(exchange="binance", qty_step="0.00001", min_qty="0.00001")
    account, bot = make_account(), make_bot(symbol, cash="1000000")
    Bot.objects.filter(pk=bot.pk).update(paper_mode=False, account=account)
    ExchangeAccount.objects.update(clock_at=NOW)
    bot.refresh_from_db()
    Ticker.objects.create(symbol=symbol, last=42_000.0, at=NOW)
    admin = make_user("admin")
    LiveGrant.objects.create(
        bot=bot,
        account=account,
        reason="the machine",
        max_order=Decimal(10**6),
        max_exposure=Decimal(10**7),
        asked_by=make_user("operator"),
        asked_at=NOW,
        approved_by=admin,
        approved_at=NOW,
        expires_at=NOW + timedelta(days=365),
    )
    return Desk(bot, account, symbol, admin)
