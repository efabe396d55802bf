"""The one switch: pause, resume, emergency stop, scheduler."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet

from config import clock
from trading import access, events
from trading.errors import (
    NotReady,
    ReasonRequired,
    ResumeNeedsApproval,
    ResumeNotAllowed,
    SystemHalted,
)
from trading.models import Bot, HaltRequest, Heartbeat, Order, OrderTransition, SystemState
from trading.order_state import UNRESOLVED, OrderStatus
from trading.queries import cold_series
from trading.services import _orders
from trading.services._agreed import missing_people
from trading.services._audit import record
from trading.services._bots import finish_jobs, halt_bots
from trading.services._factor_held import FOR_MONEY, check_has_second_factor

State = SystemState.State
STOP_TAKES = timedelta(seconds=5)  # at most, from its halt row to its state


@dataclass(frozen=True, slots=True)
class StopProof:
    """What an emergency stop did; `claims_after_stop` must be 0."""

    requested_at: datetime
    stopped_at: datetime
    halted_s: float  # from the request to the committed stop
    bots_stopped: int
    orders_canceled: int
    orders_unresolved: list[str]  # client order ids still being looked up
    claims_after_stop: int


def ensure_system_state(*, now: datetime) -> SystemState:
    """The one row; made at the first start."""
    state, _ = SystemState.objects.get_or_create(id=1, defaults={"changed_at": now})
    return state


def set_system_state(*, state: str, reason: str, by: User, now: datetime) -> SystemState:
    """Move to RUNNING, PAUSED or EMERGENCY_STOP by the rules of each."""
    if state == State.PAUSED:
        return pause_system(reason=reason, by=by, now=now)
    if state == State.RUNNING:
        return resume_system(reason=reason, by=by, now=now)
    emergency_stop(reason=reason, by=by, now=now)
    return SystemState.objects.get(pk=1)


def pause_system(*, reason: str, by: User, now: datetime) -> SystemState:
    """No bot decides anything until resumed; working orders stay. Refused after a stop."""
    with transaction.atomic():
        paused = SystemState.objects.filter(pk=1, state=State.RUNNING).update(
            state=State.PAUSED, reason=reason[:200], changed_by=by.get_username(), changed_at=now
        )
        state = SystemState.objects.get(pk=1)
        if not paused:
            raise SystemHalted(f"The system is {state.state}, so it can't be paused.")
        _announce("system.paused", state, State.RUNNING, by, reason, now)
    return state


def resume_system(
    *, reason: str, by: User, now: datetime, agreed: Collection[User] = ()
) -> SystemState:
    """Back to RUNNING. After an emergency stop: administrators only, with a reason, and with as
    many others who `agreed` as the policy needs.
    """
    with transaction.atomic():
        state = SystemState.objects.select_for_update().get(pk=1)
        # A stop that died after its halt row left the state as it was.
        halted = HaltRequest.objects.filter(lifted_at=None).exists()
        if state.state == State.RUNNING and not halted:
            raise SystemHalted("The system is running already.")
        if state.state == State.EMERGENCY_STOP or halted:
            _check_may_lift(by, reason)
            check_has_second_factor(by, where=FOR_MONEY)
            missing = missing_people(by=by, agreed=agreed, needed=state.resume_needs)
            if missing:
                words = f"The policy needs {missing} to agree: ask for approval."
                raise ResumeNeedsApproval(words)
        before = state.state
        HaltRequest.objects.filter(lifted_at=None).update(lifted_at=now)
        SystemState.objects.filter(pk=1).update(
            state=State.RUNNING, reason=reason[:200], changed_by=by.get_username(), changed_at=now
        )
        state = SystemState.objects.get(pk=1)
        _announce("system.resumed", state, before, by, reason, now)
    return state


def emergency_stop(
    *,
    reason: str,
    by: User | None,
    now: datetime,
    read_clock: Callable[[], datetime] = clock.now,
) -> StopProof:
    """Stop everything, cancel every working order, and prove it.

    The halt row comes first and takes no lock, so claims see it at once and the stop never
    waits behind them. Then the state, then the bots, then the orders.
    """
    who = by.get_username() if by else "system"
    HaltRequest.objects.create(reason=reason[:200], requested_by=who, at=now)
    with transaction.atomic():
        before = SystemState.objects.select_for_update().get(pk=1).state
        SystemState.objects.filter(pk=1).update(
            state=State.EMERGENCY_STOP,
            epoch=F("epoch") + 1,
            reason=reason[:200],
            changed_by=who,
            changed_at=now,
        )
        state = SystemState.objects.get(pk=1)
        bots = _stop_all_bots(now)
        _announce("system.emergency_stopped", state, before, by, reason, now)
        # Claims share-lock the state that is locked here: none is under way, none comes later.
        last_claim = _claims().order_by("-pk").values_list("pk", flat=True).first() or 0
        stopped_at = read_clock()
    canceled = _orders.cancel_all_orders(by=by, now=now, cause="emergency_stop")
    return StopProof(
        requested_at=now,
        stopped_at=stopped_at,
        halted_s=max((stopped_at - now).total_seconds(), 0.0),
        bots_stopped=bots,
        orders_canceled=canceled,
        orders_unresolved=_unresolved(),
        claims_after_stop=_claims().filter(pk__gt=last_claim).count(),
    )


def request_halt(*, reason: str, by: User | None, now: datetime) -> HaltRequest:
    """The stop's first row alone, in the caller's transaction: from its commit on nothing is sent.

    Call `emergency_stop` next; if the process dies before, the tick does it.
    """
    who = by.get_username() if by else "system"
    return HaltRequest.objects.create(reason=reason[:200], requested_by=who, at=now)


def finish_emergency_stop(*, now: datetime) -> StopProof | None:
    """Do the rest of a stop whose process died after its halt row; None if there is none."""
    halted = HaltRequest.objects.filter(lifted_at=None, at__lt=now - STOP_TAKES).first()
    if halted is None or SystemState.objects.filter(pk=1, state=State.EMERGENCY_STOP).exists():
        return None
    return emergency_stop(reason=halted.reason, by=None, now=now)


def start_scheduler(*, by: User, now: datetime) -> SystemState:
    """Let the tick run bots. Refused with the reasons while their data isn't ready."""
    cold = cold_series(now)
    if cold:
        reasons = [f"{one.bot}: {one.symbol}: {why}" for one in cold for why in one.reasons]
        raise NotReady(
            "Warm-up candles are missing or stale.",
            fields={"reasons": reasons, "missing": [asdict(one) for one in cold]},
        )
    return _set_scheduler(on=True, by=by, now=now)


def stop_scheduler(*, by: User, now: datetime) -> SystemState:
    """The tick runs no bot any more; manual cycles still work."""
    return _set_scheduler(on=False, by=by, now=now)


def beat_heart(*, process: str, now: datetime) -> None:
    """Show that `process` does its work."""
    Heartbeat.objects.update_or_create(process=process, defaults={"at": now})


def _check_may_lift(by: User, reason: str) -> None:
    if not by.has_perm(access.ADMINISTER):
        raise ResumeNotAllowed("Only an administrator may resume after an emergency stop.")
    if not reason.strip():
        raise ReasonRequired("Say why it is safe to resume.")


def set_resume_needs(*, people: int) -> None:
    """How many others must agree to leaving an emergency stop; audited by the caller above."""
    SystemState.objects.filter(pk=1).update(resume_needs=people)


def _stop_all_bots(now: datetime) -> int:
    running = Bot.objects.running()
    ids = list(running.values_list("pk", flat=True))
    stopped = halt_bots(running, now=now)
    for bot in Bot.objects.filter(pk__in=ids):
        finish_jobs(bot=bot, message="Emergency stop", now=now)
        events.bot_state(bot, job_id=None, now=now)
    return stopped


def _claims() -> QuerySet[OrderTransition]:
    return OrderTransition.objects.filter(to_status=OrderStatus.SUBMITTING)


def _unresolved() -> list[str]:
    rows = Order.objects.filter(status__in=UNRESOLVED)
    return list(rows.values_list("client_order_id", flat=True))


def _set_scheduler(*, on: bool, by: User, now: datetime) -> SystemState:
    with transaction.atomic():
        changed = SystemState.objects.filter(pk=1, scheduler_on=not on).update(scheduler_on=on)
        state = SystemState.objects.get(pk=1)
        if changed:
            action = "system.scheduler_started" if on else "system.scheduler_stopped"
            record(action=action, subject="system", by=by, now=now)
            events.system_notice(action.replace(".", " ").replace("_", " "), now=now)
    return state


def _announce(
    action: str, state: SystemState, before: str, by: User | None, reason: str, now: datetime
) -> None:
    record(
        action=action,
        subject="system",
        by=by,
        now=now,
        before={"state": before},
        after={"state": state.state, "epoch": state.epoch},
        reason=reason,
    )
    level = "danger" if state.state == State.EMERGENCY_STOP else "info"
    events.system_notice(f"System {state.state}: {reason}", now=now, level=level)
