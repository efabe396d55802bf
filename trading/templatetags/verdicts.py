"""Verdicts beside what they judge, and metrics by name, also on pages of other apps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django import template

from strategies.models import StrategyVersion
from trading import metrics, queries
from trading.models import Simulation

register = template.Library()


@register.simple_tag
def last_simulations(versions: Sequence[StrategyVersion]) -> dict[int, Simulation]:
    """The newest finished simulation of each version, by the version's key; one query."""
    return queries.last_verdicts(list(versions))


@register.filter
def of_version(found: Mapping[int, Simulation], version: StrategyVersion) -> Simulation | None:
    """What was found for one version."""
    return found.get(version.pk)


@register.filter
def metric_title(name: str) -> str:
    """sharpe -> Sharpe ratio"""
    return metrics.DEFINITIONS[name].title


@register.filter
def metric_unit(name: str) -> str:
    """What trading/simulations/value.html takes."""
    return metrics.DEFINITIONS[name].unit
