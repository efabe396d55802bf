"""Drafts: versions whose parameters may change until they are proposed.

What is simulated, searched around or traded is proposed first, so that evidence is only ever about
parameters that stay. The audit event is written by the caller above, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from strategies import queries, registry
from strategies.errors import DraftChanged, VersionExists, VersionStateWrong, VersionUnknown
from strategies.models import StrategyVersion
from strategies.services._versions import check_note, content_of, locked_strategy

State = StrategyVersion.State


@transaction.atomic
def change_draft(
    *,
    version_id: int,
    params: Mapping[str, Any],
    note: str | None = None,
    seen: str = "",
) -> StrategyVersion:
    """Other parameters for a draft; those left out keep their values.

    `seen` is the hash of the parameters that the editor began with. Refuses VersionUnknown,
    VersionStateWrong, DraftChanged, ParamsInvalid, VersionExists.
    """
    version = _locked_draft(version_id)
    if seen and seen != version.params_hash:
        raise DraftChanged(f"Somebody changed {version.label} since you read it.")
    if note is not None:
        check_note(note)
        version.note = note
    return _rewritten(version, {**version.params, **params})


@transaction.atomic
def delete_draft(*, version_id: int) -> StrategyVersion:
    """Take a draft away; its number is not given again. Refuses VersionStateWrong."""
    version = _locked_draft(version_id)
    StrategyVersion.objects.filter(pk=version.pk, state=State.DRAFT).delete()
    return version


@transaction.atomic
def propose_version(*, version_id: int) -> StrategyVersion:
    """A draft's parameters stay from now on; what was retired begins anew.

    A draft is checked once more, with today's bounds and code. Refuses VersionStateWrong,
    VersionCorrupt, ParamsInvalid, VersionExists.
    """
    version = _locked(version_id)
    if version.state not in (State.DRAFT, State.RETIRED):
        raise VersionStateWrong(f"{version.label} is {version.state}: it was proposed already.")
    if version.state == State.DRAFT:
        queries.params_of(version)
        version = _rewritten(version, version.params)
    StrategyVersion.objects.filter(pk=version.pk, state=version.state).update(state=State.CANDIDATE)
    version.state = State.CANDIDATE
    return version


def _locked_draft(version_id: int) -> StrategyVersion:
    version = _locked(version_id)
    if version.state != State.DRAFT:
        raise VersionStateWrong(
            f"{version.label} is {version.state}: its parameters stay. Begin a draft from it."
        )
    return version


def _locked(version_id: int) -> StrategyVersion:
    rows = StrategyVersion.objects.select_related("strategy")
    found = rows.filter(pk=version_id).first()
    if found is None:
        raise VersionUnknown(f"There is no version {version_id}.")
    locked_strategy(found.strategy.name)
    fresh = rows.filter(pk=version_id).first()  # somebody may have been faster
    if fresh is None:
        raise VersionUnknown(f"{found.label} was deleted.")
    return fresh


def _rewritten(version: StrategyVersion, params: Mapping[str, Any]) -> StrategyVersion:
    strategy = registry.get(version.strategy.name)
    content = content_of(strategy, strategy.validated(params))
    twin = (
        version.strategy.versions.filter(
            params_hash=content["params_hash"], code_hash=content["code_hash"]
        )
        .exclude(pk=version.pk)
        .first()
    )
    if twin is not None:
        raise VersionExists(
            f"v{twin.number} ({twin.state.lower()}) has these parameters.",
            fields={"version": twin.number},
        )
    StrategyVersion.objects.filter(pk=version.pk, state=State.DRAFT).update(
        **content, note=version.note
    )
    version.refresh_from_db()
    return version
