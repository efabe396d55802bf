"""Strategies and their versions. Other parameters are another row; only a draft's may change.

The audit event of a version is written by the caller above, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max

from strategies import protocol, registry
from strategies.errors import ParamsInvalid, StrategyUnknown
from strategies.hashing import code_hash, params_hash
from strategies.models import Strategy, StrategyVersion

NOTE_LENGTH = 200


def sync_strategies(*, now: datetime) -> list[Strategy]:
    """A row for each strategy in the registry, with version 1 ACTIVE from its default parameters.

    Titles follow the code; versions that exist are left alone. Repeating it changes nothing.
    """
    return [_sync(strategy, now) for strategy in registry.STRATEGIES.values()]


@transaction.atomic
def create_version(
    *,
    strategy_name: str,
    params: Mapping[str, Any],
    by: User | None,
    now: datetime,
    note: str = "",
    draft: bool = False,
) -> StrategyVersion:
    """A candidate, or a draft, with these parameters and defaults; the same content gives the row
    there is, in whatever state.

    Refuses StrategyUnknown, ParamsInvalid.
    """
    strategy = registry.get(strategy_name)
    check_note(note)
    checked = strategy.validated(params)
    state = StrategyVersion.State.DRAFT if draft else StrategyVersion.State.CANDIDATE
    row = locked_strategy(strategy_name)
    return _version(row, strategy, checked, by=by, now=now, note=note, state=state)


def check_note(note: str) -> None:
    """Refuses ParamsInvalid."""
    if len(note) > NOTE_LENGTH:
        too_long = f"at most {NOTE_LENGTH} characters"
        raise ParamsInvalid(f"note: {too_long}", fields={"note": too_long})


def locked_strategy(name: str) -> Strategy:
    """Its row, held until the transaction ends: here meet those who make and change versions."""
    row = Strategy.objects.select_for_update().filter(name=name).first()
    if row is None:
        raise StrategyUnknown(f"{name} has no row yet; run the seed command")
    return row


def content_of(strategy: protocol.Strategy[Any], params: protocol.Params) -> dict[str, Any]:
    """What identifies a version, as columns."""
    content = params.model_dump(mode="json")
    hashes = {"params_hash": params_hash(content), "code_hash": code_hash(strategy)}
    return {"params": content, **hashes}


@transaction.atomic
def _sync(strategy: protocol.Strategy[Any], now: datetime) -> Strategy:
    texts = {"title": strategy.title, "description": strategy.description}
    row, created = Strategy.objects.get_or_create(
        name=strategy.name, defaults={**texts, "created_at": now}
    )
    if not created:
        Strategy.objects.filter(pk=row.pk).exclude(**texts).update(**texts)
    row = Strategy.objects.select_for_update().get(pk=row.pk)
    if not row.versions.exists():
        active = StrategyVersion.State.ACTIVE
        _version(row, strategy, strategy.validated({}), now=now, note="Defaults", state=active)
    return row


def _version(
    row: Strategy,
    strategy: protocol.Strategy[Any],
    params: protocol.Params,
    *,
    by: User | None = None,
    now: datetime,
    note: str,
    state: str = StrategyVersion.State.CANDIDATE,
) -> StrategyVersion:
    content = content_of(strategy, params)
    found = row.versions.filter(
        params_hash=content["params_hash"], code_hash=content["code_hash"]
    ).first()
    if found is not None:
        return found
    # The number of a draft that was deleted is not given again: the audit log knows it.
    last = row.versions.aggregate(last=Max("number"))["last"] or 0
    row.last_number = max(row.last_number, last) + 1
    row.save(update_fields=["last_number"])
    return row.versions.create(
        number=row.last_number,
        **content,
        state=state,
        note=note,
        created_by=by,
        created_at=now,
    )
