"""A running bot takes its strategy's newly active version: between two candles, never in an order.

A live bot never does: its grant is for the version that people read. It goes on with that
version until somebody asks for a new grant.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from config import clock
from marketdata.timeframes import Timeframe
from strategies.models import StrategyVersion
from trading import events
from trading.errors import LeaseLost
from trading.models import Bot, Order
from trading.models.bots import BotSymbol
from trading.order_state import LIVE
from trading.services._audit import record


def take_active_version(bot: Bot, *, now: datetime) -> None:
    """Put the active version into a claimed bot that follows it, when a candle waits for it.

    Writes only under the bot's fence: raises LeaseLost if another worker has it.
    """
    active = active_for(bot)
    if active is None or not _candle_waits(bot, now) or _order_works(bot):
        return
    with transaction.atomic():
        taken = (
            Bot.objects.running()
            .filter(pk=bot.pk, fence=bot.fence, paper_mode=True, follows_active=True)
            .update(version=active, updated_at=now)
        )
        if not taken:
            raise LeaseLost(f"bot {bot.pk} was taken over")
        record(
            action="bot.version_taken",
            subject=f"bot:{bot.pk}",
            by=None,
            now=now,
            before={"version": str(bot.version)},
            after={"version": str(active), "number": active.number},
        )
        bot.version = active
        events.bot_state(bot, job_id=None, now=now)


def active_for(bot: Bot) -> StrategyVersion | None:
    """The version that a bot will take; None if it has it already, or doesn't follow."""
    if not (bot.follows_active and bot.paper_mode) or bot.is_replay:
        return None
    if bot.version.state == StrategyVersion.State.ACTIVE:
        return None
    rows = StrategyVersion.objects.filter(strategy=bot.version.strategy_id)
    return rows.select_related("strategy").filter(state=StrategyVersion.State.ACTIVE).first()


def _candle_waits(bot: Bot, now: datetime) -> bool:
    """Whether a closed candle is undecided: what is decided next, the new version decides."""
    timeframe = Timeframe(bot.timeframe)
    close_ms = timeframe.last_closed_open(clock.to_ms(now)) + timeframe.ms
    return BotSymbol.objects.filter(bot=bot, decided_ms__lt=close_ms).exists()


def _order_works(bot: Bot) -> bool:
    return Order.objects.filter(bot=bot, status__in=LIVE).exists()
