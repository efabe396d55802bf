"""Reads of strategies that several doors share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from strategies import registry
from strategies.errors import StrategyUnknown, VersionCorrupt, VersionUnknown
from strategies.hashing import code_hash, params_hash
from strategies.models import Strategy, StrategyVersion
from strategies.protocol import Params


@dataclass(frozen=True, slots=True)
class ParamChange:
    """One parameter that differs between two versions; None is "not there"."""

    name: str
    title: str
    unit: str
    before: Any
    after: Any


def strategy_named(name: str) -> Strategy:
    """The row of that name, or StrategyUnknown."""
    found = Strategy.objects.filter(name=name).first()
    if found is None:
        raise StrategyUnknown(f"no strategy {name!r}")
    return found


def versions_of(name: str) -> QuerySet[StrategyVersion]:
    """All versions of a strategy, newest first, with strategy and author."""
    return StrategyVersion.objects.filter(strategy__name=name).select_related(
        "strategy", "created_by"
    )


def version_numbered(name: str, number: int) -> StrategyVersion:
    """One version, or VersionUnknown."""
    found = versions_of(name).filter(number=number).first()
    if found is None:
        raise VersionUnknown(f"{name} has no version {number}")
    return found


def active_version(name: str) -> StrategyVersion:
    """The version that new bots take, or VersionUnknown."""
    found = versions_of(name).filter(state=StrategyVersion.State.ACTIVE).first()
    if found is None:
        raise VersionUnknown(f"{name} has no active version")
    return found


def params_of(version: StrategyVersion) -> Params:
    """The version's parameters, checked against bounds and hash.

    Refuses VersionCorrupt when the row was edited, ParamsInvalid when the bounds have become
    narrower since, StrategyUnknown when the code is gone.
    """
    if params_hash(version.params) != version.params_hash:
        raise VersionCorrupt(f"the parameters of {version} were edited after it was made")
    params: Params = registry.get(version.strategy.name).validated(version.params)
    return params


def runs_installed_code(version: StrategyVersion) -> bool:
    """Whether the strategy's source is still the one that the version was made with."""
    return code_hash(registry.get(version.strategy.name)) == version.code_hash


def version_diff(before: StrategyVersion, after: StrategyVersion) -> list[ParamChange]:
    """What differs in the parameters, in the order of the form."""
    properties = registry.get(after.strategy.name).schema()["properties"]
    gone = [name for name in before.params if name not in properties]
    return [
        ParamChange(
            name=name,
            title=properties.get(name, {}).get("title", name),
            unit=properties.get(name, {}).get("unit", ""),
            before=before.params.get(name),
            after=after.params.get(name),
        )
        for name in (*properties, *gone)
        if before.params.get(name) != after.params.get(name)
    ]


def strategy_called(text: str) -> Strategy:
    """The row meant by a name or by an id in digits, or StrategyUnknown."""
    if not text.isdecimal():
        return strategy_named(text)
    found = Strategy.objects.filter(pk=int(text)).first()
    if found is None:
        raise StrategyUnknown(f"no strategy {text}")
    return found
