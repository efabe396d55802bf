"""A version's way from a candidate to what bots run, and back.

Each step is a guarded update; the audit event is written by the caller above, in the same
transaction. What a step needs (evidence, people) is checked above: here only states count.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from strategies import queries
from strategies.errors import NothingToRollBack, VersionStateWrong, VersionUnknown
from strategies.models import Activation, Strategy, StrategyVersion

State = StrategyVersion.State


@transaction.atomic
def mark_simulated(*, version_id: int) -> bool:
    """A candidate, or one that was retired, has evidence now; False if it was something else."""
    _moved(version_id, State.RETIRED, State.CANDIDATE)
    return _moved(version_id, State.CANDIDATE, State.SIMULATED)


def approve_version(*, version_id: int) -> StrategyVersion:
    """People agreed. Refuses VersionStateWrong."""
    return _step(version_id, State.SIMULATED, State.APPROVED)


def unapprove_version(*, version_id: int) -> bool:
    """An approval ended without use; False if the version isn't approved any more."""
    return _moved(version_id, State.APPROVED, State.SIMULATED)


def retire_version(*, version_id: int) -> StrategyVersion:
    """Put aside what never became active. Refuses VersionStateWrong."""
    with transaction.atomic():
        for old in (State.DRAFT, State.CANDIDATE, State.SIMULATED):
            if _moved(version_id, old, State.RETIRED):
                return _get(version_id)
        found = _get(version_id)
        why = (
            "what replaces it retires it" if found.state == State.ACTIVE else "it can't be retired"
        )
        raise VersionStateWrong(f"{found.label} is {found.state}: {why}.")


@transaction.atomic
def activate_version(*, version_id: int, by: User | None, now: datetime) -> Activation:
    """An approved version becomes the one that bots follow; the one before is retired.

    Refuses VersionStateWrong.
    """
    version = _get(version_id)
    return _put_in_place(version, State.APPROVED, by=by, now=now, rollback=False)


@transaction.atomic
def roll_back_version(*, strategy_name: str, by: User | None, now: datetime) -> Activation:
    """Bring back the version that the newest activation replaced: one step, not two.

    Refuses NothingToRollBack, VersionStateWrong.
    """
    Strategy.objects.select_for_update().filter(name=strategy_name).first()
    last = queries.last_activation(strategy_name)
    if last is None or last.rollback or last.replaced is None:
        raise NothingToRollBack(f"{strategy_name} has no version to go back to.")
    for state in (State.CANDIDATE, State.SIMULATED, State.APPROVED):  # proposed anew meanwhile
        _moved(last.replaced.pk, state, State.RETIRED)
    return _put_in_place(last.replaced, State.RETIRED, by=by, now=now, rollback=True)


def _put_in_place(
    version: StrategyVersion, old: str, *, by: User | None, now: datetime, rollback: bool
) -> Activation:
    strategy = Strategy.objects.select_for_update().get(pk=version.strategy_id)
    current = strategy.versions.select_for_update().filter(state=State.ACTIVE).first()
    # First the old one: there is one active version of a strategy at most.
    if current is not None and not _moved(current.pk, State.ACTIVE, State.RETIRED):
        raise VersionStateWrong(f"{current.label} was changed meanwhile.")
    _step(version.pk, old, State.ACTIVE)
    return Activation.objects.create(
        strategy=strategy, version=version, replaced=current, rollback=rollback, by=by, at=now
    )


def _step(version_id: int, old: str, new: str) -> StrategyVersion:
    moved = _moved(version_id, old, new)
    version = _get(version_id)
    if not moved:
        raise VersionStateWrong(f"{version.label} is {version.state}, not {old}.")
    return version


def _moved(version_id: int, old: str, new: str) -> bool:
    return bool(StrategyVersion.objects.filter(pk=version_id, state=old).update(state=new))


def _get(version_id: int) -> StrategyVersion:
    found = StrategyVersion.objects.select_related("strategy").filter(pk=version_id).first()
    if found is None:
        raise VersionUnknown(f"There is no version {version_id}.")
    return found
