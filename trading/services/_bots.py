"""Verbs of bots: create, change, start, stop, turn knobs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Max, Min, QuerySet

from config import clock
from marketdata import services as marketdata_services
from marketdata.models import Symbol
from marketdata.timeframes import Timeframe
from strategies.models import StrategyVersion
from trading import events
from trading.errors import (
    BotAlreadyRunning,
    BotInvalid,
    BotIsLive,
    BotNotRunning,
    BotUnknown,
    LiveModeOff,
    LiveNotGranted,
    NotReady,
    SystemHalted,
)
from trading.models import Bot, Job, SystemState
from trading.models.bots import BotSymbol
from trading.order_state import LIVE
from trading.queries import start_reasons
from trading.services._audit import record
from trading.services._gate import standing_grant
from trading.services._knobs import checked_knobs
from trading.services._limits import agreed_by, check_may_loosen, weigh_knobs
from trading.services._versions import check_stays

Status = Bot.Status
OPEN_JOBS = (Job.Status.QUEUED, Job.Status.RUNNING)
MAX_SYMBOLS = 20
UNHURRIED = {"name", "knobs", "follows_active"}  # changed while it runs


@dataclass(frozen=True, slots=True)
class Replay:
    """Stored candles wholly inside [from_ms, to_ms); `speed` 0 is as fast as it goes."""

    from_ms: int
    to_ms: int
    speed: float = 0


@transaction.atomic
def create_bot(
    *,
    name: str,
    symbols: Sequence[Symbol],
    timeframe: str,
    version: StrategyVersion,
    by: User | None,
    now: datetime,
    knobs: Mapping[str, Any] | None = None,
    paper_mode: bool = True,
    starting_cash: Decimal | None = None,
    replay: Replay | None = None,
    follows_active: bool | None = None,
) -> Bot:
    """A stopped bot with its cash. Refuses live mode, no or mixed symbols, wrong knobs.

    With `follows_active` it takes the version that is activated after `version`; unless said
    otherwise, a bot does that is made of the active one.
    """
    cash = settings.ENV.trading_paper_starting_equity if starting_cash is None else starting_cash
    _check_shape(name, symbols, timeframe, paper_mode, cash, replay)
    bot = Bot.objects.create(
        name=name.strip(),
        timeframe=timeframe,
        paper_mode=paper_mode,
        version=check_stays(version),
        follows_active=_follows(version, follows_active) and replay is None,
        knobs=checked_knobs(knobs or {}).stored(),
        starting_cash=cash,
        cash=cash,
        peak_equity=cash,
        day_start_equity=cash,
        source=Bot.Source.REPLAY if replay else Bot.Source.LIVE_FEED,
        replay_from_ms=replay.from_ms if replay else None,
        replay_to_ms=replay.to_ms if replay else None,
        replay_speed=replay.speed if replay else 0,
        created_by=by,
        created_at=now,
        updated_at=now,
    )
    _set_symbols(bot, symbols)
    record(action="bot.created", subject=f"bot:{bot.pk}", by=by, now=now, after=_content(bot))
    return bot


@transaction.atomic
def update_bot(*, bot_id: int, changes: Mapping[str, Any], by: User | None, now: datetime) -> Bot:
    """Change name, symbols, timeframe, version, knobs, or whether it follows the active version;
    what it trades only while stopped. Looser knobs of a live bot are refused: LimitsNeedApproval.
    """
    bot = get_bot(bot_id, lock=True)
    unknown = set(changes) - {"name", "symbols", "timeframe", "version", "knobs", "follows_active"}
    if unknown:
        raise BotInvalid(f"Can't be changed: {', '.join(sorted(unknown))}.")
    if bot.is_running and set(changes) - UNHURRIED:
        raise BotAlreadyRunning("Stop the bot before changing what it trades.")
    if not bot.paper_mode and set(changes) - UNHURRIED:
        raise BotIsLive("Bring the bot back to paper before changing what it trades.")
    before = _content(bot)
    symbols = changes.get("symbols", list(bot.symbols.order_by("botsymbol__rank")))
    bot.name = str(changes.get("name", bot.name)).strip()
    bot.timeframe = changes.get("timeframe", bot.timeframe)
    bot.version = check_stays(changes.get("version", bot.version))
    bot.follows_active = bool(changes.get("follows_active", bot.follows_active))
    if "knobs" in changes:
        bot.knobs = _turned(bot, changes["knobs"], by)
    _check_shape(bot.name, symbols, bot.timeframe, True, bot.starting_cash, None)
    bot.updated_at = now
    written = ["name", "timeframe", "version", "follows_active", "knobs", "updated_at"]
    bot.save(update_fields=written)
    if not bot.is_running:  # a cycle by hand that is under way writes no more
        Bot.objects.filter(pk=bot.pk).update(fence=F("fence") + 1, lease_until=None)
    if "symbols" in changes:
        _refuse_what_is_held(bot, symbols)
        _set_symbols(bot, symbols)
    after = _content(bot)
    record(
        action="bot.changed", subject=f"bot:{bot.pk}", by=by, now=now, before=before, after=after
    )
    return bot


@transaction.atomic
def set_knobs(
    *,
    bot_id: int,
    knobs: Mapping[str, Any],
    by: User | None,
    now: datetime,
    agreed: Collection[User] = (),
) -> Bot:
    """Turn the given knobs, keep the others; they hold from the next candle on.

    Looser ones of a live bot need as many others who `agreed` as the policy says:
    LimitsNeedApproval.
    """
    bot = get_bot(bot_id, lock=True)
    before = dict(bot.knobs)
    bot.knobs = _turned(bot, knobs, by, agreed)
    bot.updated_at = now
    bot.save(update_fields=["knobs", "updated_at"])
    record(
        action="bot.knobs_changed",
        subject=f"bot:{bot.pk}",
        by=by,
        now=now,
        before=before,
        after=bot.knobs,
        reason=agreed_by(agreed),
    )
    return bot


def start_bot(*, bot_id: int, by: User | None, now: datetime) -> Job:
    """Set a bot running and make its job. Refused with reasons while its data isn't ready."""
    with transaction.atomic():
        bot = get_bot(bot_id)
        _check_may_trade_live(bot, now)
        _check_may_start(bot, now)
        started = Bot.objects.filter(pk=bot.pk, status=Status.STOPPED).update(
            status=Status.RUNNING,
            stop_requested=False,
            last_error="",
            due_at=now,
            replay_started_at=_replay_start(bot, now),
            updated_at=now,
        )
        if not started:
            raise BotAlreadyRunning(f"{bot.name} is {bot.get_status_display().lower()}.")
        bot.refresh_from_db()
        place_cursors(bot, now)
        for symbol in bot.symbols.all():
            if not bot.is_replay:
                marketdata_services.watch_symbol(symbol=symbol)
        job = Job.objects.create(
            bot=bot, task="bot.run", created_by=by, created_at=now, updated_at=now
        )
        record(action="bot.started", subject=f"bot:{bot.pk}", by=by, now=now, after=_content(bot))
        events.bot_state(bot, job_id=job.pk, now=now)
        events.job_progress(job, now=now)
    return job


@transaction.atomic
def stop_bot(*, bot_id: int, by: User | None, now: datetime, reason: str = "") -> Bot:
    """Stop a running bot. Its working orders stay; see `cancel_all_orders`."""
    # One UPDATE claims the change: of two operators who click at once, one wins.
    stopped = halt_bots(Bot.objects.running().filter(pk=bot_id), now=now)
    bot = get_bot(bot_id)
    if not stopped:
        raise BotNotRunning(f"{bot.name} is not running.")
    finish_jobs(bot=bot, message=reason or "Stopped", now=now)
    record(action="bot.stopped", subject=f"bot:{bot.pk}", by=by, now=now, reason=reason)
    events.bot_state(bot, job_id=None, now=now)
    return bot


def halt_bots(running: QuerySet[Bot], *, now: datetime) -> int:
    """Stop these bots; how many were. The fence moves on: a cycle under way writes no more."""
    return running.update(
        status=Status.STOPPED,
        stop_requested=True,
        due_at=None,
        lease_until=None,
        fence=F("fence") + 1,
        updated_at=now,
    )


def finish_replay(*, bot: Bot, now: datetime) -> None:
    """A replay reached its end."""
    with transaction.atomic():
        finished = (
            Bot.objects.running()
            .filter(pk=bot.pk, fence=bot.fence)
            .update(status=Status.FINISHED, due_at=None, updated_at=now)
        )
        if not finished:
            return
        bot.refresh_from_db()
        finish_jobs(bot=bot, message="Replay finished", now=now)
        record(action="bot.finished", subject=f"bot:{bot.pk}", by=None, now=now)
        events.bot_state(bot, job_id=None, now=now)


def finish_jobs(*, bot: Bot, message: str, now: datetime) -> None:
    """End whatever job carries the bot."""
    done = Job.Status.DONE
    for job in Job.objects.filter(bot=bot, status__in=OPEN_JOBS):
        progress = 100 if bot.status == Status.FINISHED or not bot.is_replay else job.progress
        Job.objects.filter(pk=job.pk, status__in=OPEN_JOBS).update(
            status=done, progress=progress, message=message[:200], updated_at=now
        )
        job.refresh_from_db()
        events.job_progress(job, now=now)


def get_bot(bot_id: int, *, lock: bool = False) -> Bot:
    """The bot or BotUnknown; with `lock` the row is held until the transaction ends."""
    rows = Bot.objects.select_for_update(no_key=True) if lock else Bot.objects.all()
    bot = rows.filter(pk=bot_id).first()
    if bot is None:
        raise BotUnknown(f"There is no bot {bot_id}.")
    return bot


def _turned(
    bot: Bot, knobs: Mapping[str, Any], by: User | None, agreed: Collection[User] = ()
) -> dict[str, object]:
    """The bot's knobs with these turned; under the bot's lock."""
    check_may_loosen(weigh_knobs(bot=bot, knobs=knobs), by=by, agreed=agreed)
    return checked_knobs({**bot.knobs, **knobs}).stored()


def _follows(version: StrategyVersion, wanted: bool | None) -> bool:
    return version.state == StrategyVersion.State.ACTIVE if wanted is None else wanted


def _check_shape(
    name: str,
    symbols: Sequence[Symbol],
    timeframe: str,
    paper_mode: bool,
    cash: Decimal,
    replay: Replay | None,
) -> None:
    wrong: dict[str, object] = {}
    if not name.strip() or len(name) > 80:
        wrong["name"] = ["Give a name of at most 80 characters."]
    if symbols_wrong := _symbols_wrong(symbols):
        wrong["symbols"] = [symbols_wrong]
    if timeframe not in list(Timeframe):
        wrong["timeframe"] = [f"One of {', '.join(Timeframe)}."]
    if not paper_mode:
        wrong["paper_mode"] = ["Only paper bots can be made; live needs a grant."]
    if not cash.is_finite() or cash <= 0:
        wrong["starting_cash"] = ["More than 0."]
    if replay and (replay.to_ms <= replay.from_ms or replay.speed < 0):
        wrong["replay"] = ["The range must end after it starts; the speed is 0 or more."]
    if wrong:
        raise BotInvalid("The bot can't be made like this.", fields=wrong)


def _symbols_wrong(symbols: Sequence[Symbol]) -> str:
    different = len({symbol.pk for symbol in symbols})
    if not 1 <= len(symbols) <= MAX_SYMBOLS or different != len(symbols):
        return f"Choose between 1 and {MAX_SYMBOLS} different symbols."
    if len({(symbol.exchange, symbol.quote) for symbol in symbols}) > 1:
        return "All symbols need one exchange and one quote asset: they share cash."
    return ""


def _check_may_trade_live(bot: Bot, now: datetime) -> None:
    if bot.paper_mode:
        return
    if not settings.ENV.trading_live_mode:
        raise LiveModeOff("Live mode is off: no live bot starts (TRADING_LIVE_MODE).")
    if standing_grant(bot_id=bot.pk, account_id=bot.account_id or 0, now=now) is None:
        raise LiveNotGranted("Live trading needs a live grant; none stands.")


def _check_may_start(bot: Bot, now: datetime) -> None:
    state = SystemState.objects.filter(pk=1).first()
    if state and state.state == SystemState.State.EMERGENCY_STOP:
        raise SystemHalted("The system is in emergency stop; an administrator must resume it.")
    reasons = start_reasons(bot, now)
    if reasons:
        raise NotReady(f"{bot.name} can't start yet.", fields={"reasons": reasons})


def place_cursors(bot: Bot, now: datetime) -> None:
    """Live: from the newest closed candle on. Replay: from its start, or where it was."""
    timeframe = Timeframe(bot.timeframe)
    if bot.is_replay:
        first = bot.replay_from_ms or 0
    else:
        first = timeframe.last_closed_open(clock.to_ms(now))
    BotSymbol.objects.filter(bot=bot, decided_ms__lt=first).update(decided_ms=first)


def _replay_start(bot: Bot, now: datetime) -> datetime | None:
    """When a replay that is where this one is would have been begun."""
    if not bot.is_replay:
        return None
    first = bot.replay_from_ms or 0
    reached = BotSymbol.objects.filter(bot=bot).aggregate(ms=Min("decided_ms"))["ms"] or 0
    if not bot.replay_speed or reached <= first:
        return now
    return now - timedelta(milliseconds=(reached - first) / bot.replay_speed)


def _set_symbols(bot: Bot, symbols: Sequence[Symbol]) -> None:
    rows = BotSymbol.objects.filter(bot=bot)
    # A replay that is under way doesn't go back in time for a symbol that comes to it.
    reached = rows.aggregate(ms=Max("decided_ms"))["ms"] or 0
    rows.exclude(symbol__in=symbols).delete()
    for rank, symbol in enumerate(symbols):
        BotSymbol.objects.update_or_create(
            bot=bot,
            symbol=symbol,
            defaults={"rank": rank},
            create_defaults={"rank": rank, "decided_ms": reached},
        )


def _refuse_what_is_held(bot: Bot, symbols: Sequence[Symbol]) -> None:
    """A symbol with a position or a live order stays, and cash stays in its currency."""
    before = bot.symbols.first()
    after = symbols[0]
    if before and (before.exchange, before.quote) != (after.exchange, after.quote):
        raise BotInvalid(
            "A bot's cash stays on one exchange and in one asset; make another bot.",
            fields={"symbols": [f"{after.exchange} {after.quote}"]},
        )
    gone = bot.symbols.exclude(pk__in=[symbol.pk for symbol in symbols])
    for symbol in gone:
        held = any(position.qty for position in bot.positions.filter(symbol=symbol))
        if held or bot.orders.filter(symbol=symbol, status__in=LIVE).exists():
            raise BotInvalid(
                "A symbol with an open position or order can't be taken away.",
                fields={"symbols": [str(symbol)]},
            )


def _content(bot: Bot) -> dict[str, Any]:
    return {
        "name": bot.name,
        "symbols": [str(symbol) for symbol in bot.symbols.order_by("botsymbol__rank")],
        "timeframe": bot.timeframe,
        "version": str(bot.version),
        "follows_active": bot.follows_active,
        "knobs": bot.knobs,
        "paper_mode": bot.paper_mode,
        "starting_cash": f"{bot.starting_cash:f}",
        "source": str(bot.source),
    }
