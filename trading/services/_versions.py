"""Strategy versions on their way, with their audit events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from strategies import services as strategy_services
from strategies.errors import VersionStateWrong
from strategies.models import Activation, StrategyVersion
from trading.errors import BotInvalid
from trading.models import Job, Simulation
from trading.services._audit import record

State = StrategyVersion.State
NOT_PROPOSED = (State.DRAFT, State.RETIRED)
OPEN = (Job.Status.QUEUED, Job.Status.RUNNING)


@transaction.atomic
def create_version(
    *, strategy_name: str, params: Mapping[str, Any], note: str, by: User | None, now: datetime
) -> StrategyVersion:
    """A candidate with these parameters; the same content gives the row that exists.

    One that is a draft, or retired, is proposed thereby: whoever calls this means to use it.
    """
    version = strategy_services.create_version(
        strategy_name=strategy_name, params=params, by=by, now=now, note=note
    )
    if version.state in NOT_PROPOSED:
        return propose_version(version_id=version.pk, by=by, now=now)
    if version.created_at == now:
        _record("created", version, by, now, after={"params": version.params, "note": note})
    return version


@transaction.atomic
def save_draft(
    *, strategy_name: str, params: Mapping[str, Any], note: str, by: User | None, now: datetime
) -> StrategyVersion:
    """A draft with these parameters; the same content gives the row that exists, as it is."""
    version = strategy_services.create_version(
        strategy_name=strategy_name, params=params, by=by, now=now, note=note, draft=True
    )
    if version.state == State.DRAFT and version.created_at == now:
        _record("drafted", version, by, now, after={"params": version.params, "note": note})
    return version


@transaction.atomic
def change_draft(
    *,
    version_id: int,
    params: Mapping[str, Any],
    by: User,
    now: datetime,
    note: str | None = None,
    seen: str = "",
) -> StrategyVersion:
    """Other parameters for a draft. Refuses what `strategies.services.change_draft` does."""
    before = StrategyVersion.objects.filter(pk=version_id).values("params", "note").first()
    version = strategy_services.change_draft(
        version_id=version_id, params=params, note=note, seen=seen
    )
    after = {"params": version.params, "note": version.note}
    if after != before:
        _record("changed", version, by, now, before=before, after=after)
    return version


@transaction.atomic
def delete_draft(*, version_id: int, by: User, now: datetime) -> StrategyVersion:
    """Take a draft away. Refuses VersionStateWrong."""
    version = strategy_services.delete_draft(version_id=version_id)
    before = {"params": version.params, "note": version.note}
    _record("deleted", version, by, now, before=before)
    return version


@transaction.atomic
def propose_version(*, version_id: int, by: User | None, now: datetime) -> StrategyVersion:
    """A draft's parameters stay from now on; what was retired begins anew.

    Refuses VersionStateWrong, VersionCorrupt, ParamsInvalid, VersionExists.
    """
    before = StrategyVersion.objects.filter(pk=version_id).values("state").first()
    version = strategy_services.propose_version(version_id=version_id)
    after = {"state": State.CANDIDATE.value, "params": version.params}
    _record("proposed", version, by, now, before=before, after=after)
    return version


def check_stays(version: StrategyVersion) -> StrategyVersion:
    """The version, for a bot: what it trades must not change under it. Refuses BotInvalid."""
    if version.state == State.DRAFT:
        why = "A draft may still change: propose it first."
        raise BotInvalid(f"{version.label} is a draft.", fields={"version": [why]})
    return version


def proposed(version: StrategyVersion, *, by: User | None, now: datetime) -> StrategyVersion:
    """The version for use: a draft is proposed, because what is proven must not change."""
    if version.state == State.DRAFT:
        return propose_version(version_id=version.pk, by=by, now=now)
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
    """Put a version aside that isn't active. Refuses VersionStateWrong, also while it is simulated:
    the end of that would bring it back.
    """
    version = strategy_services.retire_version(version_id=version_id)
    runs = version.simulations.filter(finished_at=None, job__status__in=OPEN).first()
    if runs is not None:
        raise VersionStateWrong(f"Simulation {runs.pk} of it runs: cancel that first, or wait.")
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
        subject=subject_of(done.version),
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
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> None:
    record(
        action=f"strategy_version.{verb}",
        subject=subject_of(version),
        by=by,
        now=now,
        before=before,
        after=after,
        reason=reason,
    )


def subject_of(version: StrategyVersion) -> str:
    """What the audit log calls it."""
    return f"strategy:{version.strategy.name}:{version.number}"
