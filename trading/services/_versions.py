"""Strategy versions on their way, with their audit events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from strategies import services as strategy_services
from strategies.models import Activation, StrategyVersion
from trading.models import Simulation
from trading.services._audit import record

State = StrategyVersion.State


@transaction.atomic
def create_version(
    *, strategy_name: str, params: Mapping[str, Any], note: str, by: User | None, now: datetime
) -> StrategyVersion:
    """A candidate with these parameters; the same content gives the row that exists."""
    version = strategy_services.create_version(
        strategy_name=strategy_name, params=params, by=by, now=now, note=note
    )
    if version.created_at == now:
        _record("created", version, by, now, after={"params": version.params, "note": note})
    return version


def note_simulated(simulation: Simulation, *, now: datetime) -> None:
    """A candidate that ran against the active version has evidence; call in its transaction."""
    baseline = simulation.baseline
    if baseline is None or simulation.fill_at != Simulation.FillAt.NEXT_OPEN:
        return
    still = StrategyVersion.objects.filter(pk=baseline.pk, state=State.ACTIVE).exists()
    if still and strategy_services.mark_simulated(version_id=simulation.version_id):
        after = {"state": State.SIMULATED.value, "simulation": simulation.pk}
        _record("simulated", simulation.version, None, now, after=after)


@transaction.atomic
def retire_version(
    *, version_id: int, by: User, now: datetime, reason: str = ""
) -> StrategyVersion:
    """Put a version aside that never became active. Refuses VersionStateWrong."""
    version = strategy_services.retire_version(version_id=version_id)
    after = {"state": State.RETIRED.value}
    _record("retired", version, by, now, after=after, reason=reason)
    return version


@transaction.atomic
def approve_version(
    *, version_id: int, by: User, now: datetime, approval_id: int
) -> StrategyVersion:
    """People agreed to its activation. Refuses VersionStateWrong."""
    version = strategy_services.approve_version(version_id=version_id)
    after = {"state": State.APPROVED.value, "approval": approval_id}
    _record("approved", version, by, now, after=after)
    return version


@transaction.atomic
def unapprove_version(*, version_id: int, now: datetime, reason: str) -> None:
    """Its approval ended without being used."""
    if strategy_services.unapprove_version(version_id=version_id):
        version = StrategyVersion.objects.select_related("strategy").get(pk=version_id)
        after = {"state": State.SIMULATED.value}
        _record("unapproved", version, None, now, after=after, reason=reason)


@transaction.atomic
def activate_version(
    *, version_id: int, by: User, now: datetime, approval_id: int, reason: str = ""
) -> Activation:
    """Bots that follow the strategy take it at their next candle. Refuses VersionStateWrong."""
    done = strategy_services.activate_version(version_id=version_id, by=by, now=now)
    _record_activation("activated", done, by, now, reason, {"approval": approval_id})
    return done


@transaction.atomic
def roll_back_version(*, strategy_name: str, by: User, now: datetime, reason: str) -> Activation:
    """The version before is active again, without a simulation: it was active already.

    Refuses NothingToRollBack.
    """
    done = strategy_services.roll_back_version(strategy_name=strategy_name, by=by, now=now)
    _record_activation("rolled_back", done, by, now, reason, {})
    return done


def _record_activation(
    verb: str, done: Activation, by: User, now: datetime, reason: str, more: Mapping[str, Any]
) -> None:
    replaced = done.replaced.number if done.replaced else None
    params = done.replaced.params if done.replaced else None
    record(
        action=f"strategy_version.{verb}",
        subject=_subject(done.version),
        by=by,
        now=now,
        before={"active": replaced, "params": params},
        after={"active": done.version.number, "params": done.version.params, **more},
        reason=reason,
    )


def _record(
    verb: str,
    version: StrategyVersion,
    by: User | None,
    now: datetime,
    *,
    after: Mapping[str, Any],
    reason: str = "",
) -> None:
    record(
        action=f"strategy_version.{verb}",
        subject=_subject(version),
        by=by,
        now=now,
        after=after,
        reason=reason,
    )


def _subject(version: StrategyVersion) -> str:
    return f"strategy:{version.strategy.name}:{version.number}"
