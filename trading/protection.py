"""Protective orders: where a stop belongs, when it moves, what its failures lead to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from strategies.protocol import Exits
from trading import costs
from trading.costs import Filters
from trading.exits import tightest_stop
from trading.order_state import OrderStatus as S
from trading.reasons import Reason
from trading.risk import Denial, check_filters

Venue = Literal["exchange", "software"]
OnFailure = Literal["retry", "software", "flatten"]

MOVE_BY = Decimal("0.002")  # of the trigger: a stop whose level moved less stays where it is
STEADY_S = 5.0  # a fresh stop isn't replaced within that, however the fills trickle in
LIMIT_GAP = Decimal("0.01")  # how far below its trigger a stop that becomes a limit order sells
NOT_SENT_MOST = 3  # in a row that count for nothing but bad luck
WAITS_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)  # before another try; the last one repeats
_VOID = frozenset({Denial.TRADING_HALTED, Denial.EPOCH_OVER})


class Why(StrEnum):
    """Why a position is unprotected; documented in docs/reference/denials.md."""

    PLACING = "placing"  # on its way
    NO_ANSWER = "no_answer"  # sent, and the exchange hasn't said what became of it
    MOVING = "moving"  # the old one is being canceled
    PARTLY = "partly"  # it covers less than is held
    SELLING = "selling"  # a sale holds the coins
    TOO_SMALL = "too_small"  # less than the exchange sells
    NOT_TAKEN = "not_taken"  # the exchange has no stop orders for the symbol
    REFUSED = "refused"
    DENIED = "denied"
    NOT_SENT = "not_sent"
    CANCELED_OUTSIDE = "canceled_outside"
    EXPIRED = "expired"
    UNREADABLE = "unreadable"  # the bot's version or knobs: nobody knows where a stop belongs
    BOT_STOPPED = "bot_stopped"
    HALTED = "system_halted"


PASSING = frozenset({Why.PLACING, Why.NO_ANSWER, Why.MOVING, Why.PARTLY, Why.SELLING})
PASSES_WITHIN_S = 15.0


class Step(StrEnum):
    """What comes next while no stop stands."""

    PLACE = "PLACE"
    WAIT = "WAIT"
    SOFTWARE = "SOFTWARE"
    FLATTEN = "FLATTEN"


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop as it should stand: sells `qty` once the price falls to `trigger`."""

    reason: Reason
    trigger: Decimal
    qty: Decimal


@dataclass(frozen=True, slots=True)
class Ended:
    """How a protective order ended that stands no more."""

    status: S
    asked: bool  # whether we had asked for its cancel
    filled: bool
    code: str  # the exchange's, or the denial
    age_s: float


def wanted_stop(
    *, exits: Exits, entry_price: Decimal, high: Decimal, free: Decimal, filters: Filters
) -> Stop | None:
    """The stop for `free` coins of a long position; None without a declared one or a lot."""
    hit = tightest_stop(exits, entry_price, high)
    qty = costs.floor_to(free, filters.qty_step)
    if hit is None or qty <= 0:
        return None
    trigger = max(costs.floor_to(hit.level, filters.price_tick), filters.price_tick)
    return Stop(hit.reason, trigger, qty)


def limit_below(trigger: Decimal, filters: Filters) -> Decimal:
    """What a triggered stop sells at, at worst, where the exchange wants a limit."""
    return max(costs.floor_to(trigger * (1 - LIMIT_GAP), filters.price_tick), filters.price_tick)


def is_placeable(stop: Stop, filters: Filters) -> bool:
    """Whether the exchange's minimums allow it."""
    price = limit_below(stop.trigger, filters)
    return check_filters(qty=stop.qty, price=price, filters=filters) is None


def fits(stop: Stop, *, left: Decimal, trigger: Decimal) -> bool:
    """Whether a standing stop over `left` at `trigger` is near enough to what is wanted."""
    return left == stop.qty and abs(stop.trigger - trigger) <= trigger * MOVE_BY


def failure_of(ended: Ended) -> Why | None:
    """What went wrong with it; None where it ended as we wanted or did its work."""
    if ended.filled or (ended.status is S.CANCELED and ended.asked):
        return None
    if ended.status is S.DENIED:
        return None if ended.code in _VOID else Why.DENIED
    return {
        S.REJECTED: Why.REFUSED,
        S.NOT_SENT: Why.NOT_SENT,
        S.CANCELED: Why.CANCELED_OUTSIDE,
        S.EXPIRED: Why.EXPIRED,
    }.get(ended.status)


def failures_in_a_row(newest_first: Sequence[Ended]) -> list[Why]:
    """The failures since the last one that ended well."""
    found = []
    for ended in newest_first:
        why = failure_of(ended)
        if why is None:
            break
        found.append(why)
    return found


def next_step(newest_first: Sequence[Ended], policy: OnFailure) -> Step:
    """What to do while a stop is wanted and none stands."""
    failures = failures_in_a_row(newest_first)
    if not failures:
        return Step.PLACE
    lasting = any(why is not Why.NOT_SENT for why in failures) or len(failures) > NOT_SENT_MOST
    if lasting and policy == "software":
        return Step.SOFTWARE
    if lasting and policy == "flatten":
        return Step.FLATTEN
    wait = WAITS_S[min(len(failures), len(WAITS_S)) - 1]
    return Step.PLACE if newest_first[0].age_s >= wait else Step.WAIT


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that says whether one position of a live bot is protected."""

    venue: Venue
    held: Decimal  # whole lots
    covered: Decimal  # by protective orders that stand and are meant to stay
    settling: S | None  # of a protective order without a verdict
    moving: bool  # one is being canceled
    selling: bool
    taken: bool  # the exchange takes stops of the symbol
    placeable: bool
    newest_first: Sequence[Ended]
    bot_runs: bool
    system_runs: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """What a person is told of it. `watched`: the software stop is at work meanwhile."""

    state: Literal["EXCHANGE", "SOFTWARE", "UNPROTECTED"]
    why: Why | None
    detail: str
    watched: bool


def judge(scene: Scene) -> Sight:
    """Whether the position is protected, and why not."""
    watched = scene.bot_runs and scene.system_runs
    if scene.venue == "software":
        if watched:
            return Sight("SOFTWARE", None, "", watched)
        lost = Why.BOT_STOPPED if scene.system_runs else Why.HALTED
        return Sight("UNPROTECTED", lost, "", watched)
    if scene.covered >= scene.held:
        return Sight("EXCHANGE", None, "", watched)
    why = _on_its_way(scene) or _impossible(scene)
    if why is not None:
        return Sight("UNPROTECTED", why, "", watched)
    failures = failures_in_a_row(scene.newest_first)
    if failures:
        return Sight("UNPROTECTED", failures[0], scene.newest_first[0].code, watched)
    why = Why.PLACING if scene.system_runs else Why.HALTED
    return Sight("UNPROTECTED", why, "", watched)


def judge_unreadable(*, held: Decimal, covered: Decimal, code: str) -> Sight:
    """Of a bot whose version or knobs this console refuses with `code`: nothing watches it."""
    if covered >= held:
        return Sight("EXCHANGE", None, "", watched=False)
    return Sight("UNPROTECTED", Why.UNREADABLE, code, watched=False)


def is_alarming(sight: Sight, *, for_s: float) -> bool:
    """Whether people must be told: at once, or after a while of what normally passes."""
    if sight.state != "UNPROTECTED" or sight.why is Why.TOO_SMALL:
        return False
    return sight.why not in PASSING or for_s >= PASSES_WITHIN_S


def _on_its_way(scene: Scene) -> Why | None:
    if scene.settling is not None:
        return Why.PLACING if scene.settling in (S.NEW, S.SUBMITTING) else Why.NO_ANSWER
    if scene.moving:
        return Why.MOVING
    if scene.covered:
        return Why.PARTLY
    return Why.SELLING if scene.selling else None


def _impossible(scene: Scene) -> Why | None:
    if not scene.taken:
        return Why.NOT_TAKEN
    return None if scene.placeable else Why.TOO_SMALL
