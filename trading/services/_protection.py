"""Whether live positions are protected: looked at each second, told to people when they aren't."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from pydantic import ValidationError

from config.fields import plain
from config.refusals import Refusal
from marketdata.models import Symbol
from strategies import queries as strategy_queries
from strategies import registry
from trading import costs, events, order_state, protection
from trading.errors import GuardStands, KnobsInvalid
from trading.knobs import Knobs
from trading.models import Bot, Order, Position, Protection, SystemState
from trading.order_state import OrderStatus
from trading.protection import Scene, Sight, Stop, Venue
from trading.services._audit import record
from trading.services._books import filters_of
from trading.services._guards import end_order, ended, guards_of_positions
from trading.services._orders import WITH

State = Protection.State
LOST, RESTORED = "protection.lost", "protection.restored"  # what the audit log says
HOLD = timedelta(seconds=10)  # a person's sale takes no longer from the stop's end to its claim
UNRESOLVED = (OrderStatus.NEW, *order_state.UNRESOLVED)
Pair = tuple[int, int]  # bot and symbol: of one position


@dataclass(frozen=True, slots=True)
class Look:
    """One position, what should protect it, and whether it does."""

    position: Position
    sight: Sight
    level: str


@dataclass(frozen=True, slots=True)
class Wish:
    """The stop that a position should have, and where."""

    stop: Stop
    venue: Venue


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is stored about all positions that are looked at."""

    sales: Mapping[Pair, Sequence[Order]]  # that may still fill, stops among them
    guards: Mapping[Pair, Sequence[Order]]  # protective orders of old, where none stands
    system_runs: bool


def watch_protection(*, now: datetime, bot_id: int | None = None) -> int:
    """Bring what is known of every live position's protection up to date; how many changed.

    Asks the same few questions for one position as for many, and writes only what is news.
    """
    known = Protection.objects.select_related("bot", "symbol")
    held = _held()
    if bot_id is not None:
        held, known = held.filter(bot_id=bot_id), known.filter(bot_id=bot_id)
    looks = _look_at(held, now)
    rows = {(row.bot_id, row.symbol_id): row for row in known}
    over = [row for pair, row in rows.items() if pair not in looks]
    for row in over:
        _end(row, now)
    news = [look for pair, look in looks.items() if _is_news(look, rows.get(pair), now)]
    return len(over) + sum(_note(look, now) for look in news)


def make_way(*, bot: Bot, symbol: Symbol, now: datetime) -> None:
    """Before a person sells: the position's stop is canceled, and none is placed for a while.

    Refuses GuardStands while its end isn't known.
    """
    Protection.objects.filter(bot=bot, symbol=symbol).update(hold_until=now + HOLD)
    standing = Order.objects.select_related(*WITH).filter(
        bot=bot, symbol=symbol, status__in=order_state.LIVE
    )
    for order in standing:
        if order.is_guard and not end_order(order=order, now=now):
            raise GuardStands(
                f"The stop of {symbol.name} at the exchange is being canceled; try again."
            )


def _look_at(held: Iterable[Position], now: datetime) -> dict[Pair, Look]:
    """The positions whose strategy declares a stop, and those of which nobody can say."""
    wishes = [(position, wish) for position in held if (wish := _wish(position)) is not None]
    if not wishes:
        return {}
    facts = _facts_about([position for position, _ in wishes])
    return {_pair(position): _look(position, wish, facts, now) for position, wish in wishes}


def _wish(position: Position) -> Wish | str | None:
    """The stop it should have, or the code with which its bot is refused.

    One bot that can't be read must not keep the others from being looked at.
    """
    try:
        stop = _stop(position)
        venue = Knobs.model_validate(position.bot.knobs).protection
    except Refusal as refusal:
        return refusal.code
    except ValidationError:
        return KnobsInvalid.code
    return None if stop is None else Wish(stop, venue)


def _look(position: Position, wish: Wish | str, facts: _Facts, now: datetime) -> Look:
    standing = _standing(facts.sales.get(_pair(position), []))
    trigger = standing[0].price if standing else None
    if isinstance(wish, str):
        sight = protection.judge_unreadable(
            held=costs.floor_to(position.qty, position.symbol.qty_step),
            covered=_left(standing),
            code=wish,
        )
    else:
        sight = protection.judge(_scene(position, wish, facts, now))
        trigger = trigger or wish.stop.trigger
    return Look(position, sight, f"{plain(trigger):f}" if trigger else "")


def _facts_about(positions: Sequence[Position]) -> _Facts:
    bots = {position.bot_id for position in positions}
    sales: dict[Pair, list[Order]] = defaultdict(list)
    for order in Order.objects.filter(bot__in=bots, side="SELL", status__in=order_state.LIVE):
        sales[_pair(order)].append(order)
    bare = [position for position in positions if not _standing(sales.get(_pair(position), []))]
    return _Facts(sales, guards_of_positions(bare), _system_runs())


def _scene(position: Position, wish: Wish, facts: _Facts, now: datetime) -> Scene:
    bot, symbol, pair = position.bot, position.symbol, _pair(position)
    orders = facts.sales.get(pair, [])
    standing, guards = _standing(orders), [order for order in orders if order.is_guard]
    return Scene(
        venue=wish.venue,
        held=wish.stop.qty,
        covered=_left(standing),
        settling=_settling(guards),
        moving=len(standing) < len(guards),
        selling=len(guards) < len(orders),
        taken=symbol.stops != Symbol.Stops.NONE,
        placeable=protection.is_placeable(wish.stop, filters_of(symbol)),
        newest_first=ended(facts.guards.get(pair, []), now),
        bot_runs=bot.is_running,
        system_runs=facts.system_runs,
    )


def _pair(row: Position | Order) -> Pair:
    return row.bot_id, row.symbol_id


def _standing(orders: Iterable[Order]) -> list[Order]:
    """Protective orders that work and are meant to stay."""
    working = [order for order in orders if order.is_guard and order.status in order_state.WORKING]
    return [order for order in working if order.pending_cancel_at is None]


def _left(orders: Iterable[Order]) -> Decimal:
    return sum((order.qty - order.filled_qty for order in orders), Decimal(0))


def _held() -> QuerySet[Position]:
    """Positions of at least a lot that live bots hold."""
    return Position.objects.filter(
        bot__paper_mode=False, qty__gte=F("symbol__qty_step")
    ).select_related("bot__version__strategy", "symbol")


def _stop(position: Position) -> Stop | None:
    version = position.bot.version
    exits = registry.get(version.strategy.name).exits(strategy_queries.params_of(version))
    filters = filters_of(position.symbol)
    return protection.wanted_stop(
        exits=exits,
        entry_price=position.entry_price,
        high=position.high_since_entry,
        free=costs.floor_to(position.qty, filters.qty_step),
        filters=filters,
    )


def _settling(guards: Iterable[Order]) -> OrderStatus | None:
    return next((OrderStatus(each.status) for each in guards if each.status in UNRESOLVED), None)


def _system_runs() -> bool:
    running = SystemState.State.RUNNING
    return SystemState.objects.filter(pk=1, state=running, scheduler_on=True).exists()


def _is_news(look: Look, row: Protection | None, now: datetime) -> bool:
    """Whether the row says otherwise, or people are to be told; asked again under its lock."""
    return row is None or _differs(look, row) or bool(_word(row, look.sight, now))


def _differs(look: Look, row: Protection) -> bool:
    return any(getattr(row, name) != value for name, value in _seen(look).items())


def _seen(look: Look) -> dict[str, Any]:
    sight = look.sight
    return {
        "state": sight.state,
        "reason": sight.why or "",
        "detail": sight.detail[:60],
        "watched": sight.watched,
        "level": look.level[:40],
    }


def _note(look: Look, now: datetime) -> bool:
    """Keep it if it is news; two watchers at once tell people once."""
    sight, position, seen = look.sight, look.position, _seen(look)
    with transaction.atomic():
        row, fresh = Protection.objects.get_or_create(
            bot=position.bot, symbol=position.symbol, defaults={**seen, "since": now}
        )
        row = Protection.objects.select_for_update(no_key=True).get(pk=row.pk)
        changed = fresh or _differs(look, row)
        if row.state != sight.state:
            row.since = now
        for name, value in seen.items():
            setattr(row, name, value)
        told = _tell(row, position, sight, now)
        if changed or told:
            row.save(update_fields=[*seen, "since", "alarmed_at"])
            events.protection_changed(row, now=now)
    return changed or told


def _tell(row: Protection, position: Position, sight: Sight, now: datetime) -> bool:
    """People hear of it once when it is lost, and once when it is back."""
    word = _word(row, sight, now)
    if word:
        row.alarmed_at = now if word == LOST else None
        _announce(row, position.bot, position.symbol, word, now)
    return bool(word)


def _word(row: Protection, sight: Sight, now: datetime) -> str:
    """The audit action that is due."""
    for_s = abs((now - row.since).total_seconds())
    if row.alarmed_at is None:
        return LOST if protection.is_alarming(sight, for_s=for_s) else ""
    return RESTORED if sight.state != State.UNPROTECTED else ""


def _end(row: Protection, now: datetime) -> None:
    """The position is closed, or needs no stop any more."""
    with transaction.atomic():
        gone, _ = Protection.objects.filter(pk=row.pk).delete()
        if gone:
            if row.alarmed_at is not None:
                record(
                    action=RESTORED,
                    subject=f"bot:{row.bot_id}",
                    by=None,
                    now=now,
                    reason="nothing left to protect",
                    after={"symbol": str(row.symbol)},
                )
            events.protection_changed(row, now=now)


def _announce(row: Protection, bot: Bot, symbol: Symbol, action: str, now: datetime) -> None:
    reason = " ".join(filter(None, [row.reason, row.detail]))
    record(
        action=action,
        subject=f"bot:{bot.pk}",
        by=None,
        now=now,
        reason=reason,
        after={"symbol": str(symbol), "state": str(row.state), "watched": row.watched},
    )
    lost = action == LOST
    watched = "the software stop watches" if row.watched else "nothing watches"
    text = (
        f"{bot.name}: {symbol.name} is unprotected ({reason.replace('_', ' ')}); {watched}."
        if lost
        else f"{bot.name}: {symbol.name} is protected again."
    )
    events.system_notice(text, bot_id=bot.pk, now=now, level="danger" if lost else "info")
