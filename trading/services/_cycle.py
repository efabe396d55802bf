"""One decision path: a closed candle goes in, a decision record and maybe an order come out.

A replay walks stored candles; a live bot takes the newest closed one and lets quotes fill
what works. Both go through the same steps.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.contrib.auth.models import User

from marketdata.quotes import get_quote
from trading import events
from trading.errors import BotBusy, LeaseLost, SystemHalted
from trading.models import Bot, DecisionRecord, SystemState
from trading.services import _jobs
from trading.services._audit import record
from trading.services._books import Books, claim_bot, release_bot
from trading.services._bots import finish_replay, get_bot, place_cursors, stop_bot
from trading.services._live import QuoteFor, follow, has_to_stop, needs_quotes, serve_orders
from trading.services._orders import cancel_all_orders
from trading.services._protection import watch_protection
from trading.services._replay import replay, replayed_all
from trading.services._take_version import take_active_version

log = structlog.get_logger(__name__)

BUDGET_S = 3.0  # one task's share of a replay; the next one goes on
RETRY_AFTER = timedelta(seconds=30)


def run_bot(
    *, bot_id: int, now: datetime, quote_for: QuoteFor = get_quote, budget_s: float = BUDGET_S
) -> bool:
    """Do all that is due for one bot under its lease; whether more is waiting right now.

    A stopped bot decides nothing, but quotes still fill its working orders. Nothing is done
    when the system isn't running or another worker has the bot.
    """
    bot = claim_bot(bot_id=bot_id, now=now)
    if bot is None:
        return False
    due_at: datetime | None = now + timedelta(seconds=settings.ENV.bot_loop_interval_seconds)
    more = False
    try:
        if not _system_runs():
            pass
        elif bot.is_running:
            more, due_at = _advance(bot, now, quote_for, budget_s)
        elif not bot.is_replay:
            serve_orders(Books.open(bot), now, quote_for)
        if not bot.paper_mode:
            watch_protection(now=now, bot_id=bot.pk)
    except LeaseLost:
        log.info("bot.lease_lost", bot_id=bot_id)
    except Exception as error:
        due_at = now + RETRY_AFTER
        _note_error(bot, error, now)
        raise
    finally:
        release_bot(bot=bot, due_at=due_at)
    return more


def run_cycle(
    *, bot_id: int, by: User | None, now: datetime, quote_for: QuoteFor = get_quote
) -> list[DecisionRecord]:
    """One paper cycle now, by hand; the bot may be stopped. Gives the newest decisions."""
    bot = get_bot(bot_id)
    if not _system_runs():
        raise SystemHalted("The system isn't running.")
    claimed = claim_bot(bot_id=bot.pk, now=now)
    if claimed is None:
        raise BotBusy("The bot is in the middle of a cycle; try again in a moment.")
    try:
        if not claimed.is_running:
            place_cursors(claimed, now)  # what went by while it was stopped wasn't missed
        record(action="bot.cycle_run", subject=f"bot:{bot.pk}", by=by, now=now)
        if claimed.is_replay:
            replay(Books.open(claimed), now, budget_s=0)
        else:
            follow(Books.open(claimed), now, quote_for)
    except LeaseLost:
        raise BotBusy("The bot was started, stopped or changed meanwhile.") from None
    finally:
        release_bot(bot=claimed, due_at=now)
    newest = DecisionRecord.objects.filter(bot=bot).select_related("symbol", "version")
    return list(newest.order_by("-candle_close_ms")[: bot.symbols.count()])


def _advance(
    bot: Bot, now: datetime, quote_for: QuoteFor, budget_s: float
) -> tuple[bool, datetime | None]:
    _jobs.begin_bot_job(bot=bot, now=now)
    take_active_version(bot, now=now)
    books = Books.open(bot)
    if not bot.is_replay:
        if not has_to_stop(books):
            follow(books, now, quote_for)
        if has_to_stop(books):  # by a rule; people were told of it when it was asked
            stop_bot(bot_id=bot.pk, by=None, now=now, reason="asked to stop")
            return False, None
        wait = 1.0 if needs_quotes(books) else settings.ENV.bot_loop_interval_seconds
        return False, now + timedelta(seconds=wait)
    more = replay(books, now, budget_s=budget_s)
    if not more and (bot.replay_speed == 0 or replayed_all(books)):
        # Nothing will ever fill them.
        cancel_all_orders(by=None, now=now, cause="replay_finished", bot_id=bot.pk)
        finish_replay(bot=bot, now=now)
        return False, None
    return more, now + timedelta(seconds=1)


def _system_runs() -> bool:
    return SystemState.objects.filter(pk=1, state=SystemState.State.RUNNING).exists()


def _note_error(bot: Bot, error: Exception, now: datetime) -> None:
    message = f"{type(error).__name__}: {error}"[:200]
    Bot.objects.filter(pk=bot.pk).update(last_error=message)
    events.system_notice(message, bot_id=bot.pk, now=now, level="danger")
