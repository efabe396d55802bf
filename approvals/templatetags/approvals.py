"""What the pages of strategies, bots and accounts show of approvals."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from django import template

from approvals import queries
from approvals.models import Approval
from strategies import queries as strategy_queries
from strategies.models import Strategy, StrategyVersion

register = template.Library()


@register.simple_tag
def open_requests(strategy: Strategy) -> dict[int, Approval]:
    """The open requests about a strategy by version."""
    rows = queries.open_approvals().filter(about=f"strategy:{strategy.name}")
    return {row.version_id: row for row in rows if row.version_id}


@register.simple_tag
def open_limits(kind: str, pk: int) -> Approval | None:
    """The open request for looser limits of a "bot" or an "account"."""
    return queries.open_limits_of(f"{kind}:{pk}")


@register.simple_tag
def rollback_target(strategy: Strategy) -> StrategyVersion | None:
    """What a rollback would bring back; None when there is nothing, or it was done already."""
    last = strategy_queries.last_activation(strategy.name)
    return last.replaced if last and not last.rollback else None


@register.filter
def amount(text: str) -> str:
    """A limit as it is stored, "1000000", as people read it: 1,000,000. Words stay."""
    try:
        return f"{Decimal(text):,f}"
    except InvalidOperation:
        return text


@register.filter
def of_number(found: dict[int, Approval], version: StrategyVersion) -> Approval | None:
    return found.get(version.pk)
