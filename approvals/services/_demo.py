"""The demo's waiting proposal: what a first start shows of approvals."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from approvals.errors import ApprovalInvalid, EvidenceStale
from approvals.models import Approval, OnExpiry
from approvals.services._requests import request_activation
from trading.models import Simulation

EVIDENCE_LASTS = timedelta(hours=24)
WITHIN_S = int(EVIDENCE_LASTS.total_seconds())


def offer_demo(*, now: datetime) -> Approval | None:
    """Once, when the first simulation of a demo console has ended and is not red.

    Nobody may be watching a demo, so its silence stops nothing, and its page says so; every
    other request has the policy's end.
    """
    env = settings.ENV
    if not env.seed_demo or "simulated" not in env.exchanges or Approval.objects.exists():
        return None
    fresh = Simulation.objects.filter(finished_at__gt=now - EVIDENCE_LASTS, created_by=None)
    first = fresh.exclude(verdict=Simulation.Verdict.RED).order_by("pk").first()
    if first is None:
        return None
    try:
        return request_activation(
            version_id=first.version_id,
            simulation_id=first.pk,
            by=None,
            reason="The demo's proposal: decide on it, or let its time go by.",
            now=now,
            on_expiry=OnExpiry.NOTHING,
            within_s=WITHIN_S,
        )
    except (ApprovalInvalid, EvidenceStale):
        return None
