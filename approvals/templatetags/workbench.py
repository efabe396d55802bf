"""What was active when, by whose word."""

from __future__ import annotations

from django import template

from approvals.models import Approval, ApprovalKind
from strategies.models import Activation, Strategy

register = template.Library()
SHOWN = 20


@register.simple_tag
def activation_history(strategy: Strategy) -> list[tuple[Activation, Approval | None]]:
    """The newest changes of what is active, each with the request that it used."""
    rows = Activation.objects.filter(strategy=strategy)
    changes = list(rows.select_related("version", "replaced", "by")[:SHOWN])
    used = Approval.objects.filter(
        kind=ApprovalKind.ACTIVATION,
        state=Approval.State.USED,
        version__in=[change.version_id for change in changes],
    )
    # Both are written in one transaction, at one moment.
    found = {(row.version_id, row.ended_at): row for row in used}
    return [
        (change, None if change.rollback else found.get((change.version_id, change.at)))
        for change in changes
    ]
