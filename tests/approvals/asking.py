"""A strategy with a candidate that proved itself, and people who may decide on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, User

from approvals import services
from approvals.models import Approval
from strategies.models import StrategyVersion
from tests.scenarios.replays import NOW
from tests.trading.factories import make_user
from tests.trading.simulating import finished
from trading import access
from trading.models import Simulation
from trading.services import sync_roles

VIA = "session:test"


def make_approver(name: str) -> User:
    """Another administrator."""
    sync_roles()
    user, _ = User.objects.get_or_create(username=name)
    user.groups.add(Group.objects.get(name=access.ADMIN))
    return User.objects.get(pk=user.pk)


@dataclass(slots=True)
class Table:
    """Who asks, who decides, and about what."""

    proposer: User
    approver: User
    second: User
    simulation: Simulation
    now: datetime = NOW

    @property
    def version(self) -> StrategyVersion:
        return StrategyVersion.objects.select_related("strategy").get(pk=self.simulation.version_id)

    def at(self, **later: float) -> datetime:
        return self.now + timedelta(**later)

    def ask(self, **given: Any) -> Approval:
        asked: dict[str, Any] = {
            "version_id": self.simulation.version_id,
            "simulation_id": self.simulation.pk,
            "by": self.proposer,
            "reason": "faster in trends",
            "now": self.now,
            **given,
        }
        return services.request_activation(**asked)

    def approve(self, row: Approval, **given: Any) -> Approval:
        said: dict[str, Any] = {
            "approval_id": row.pk,
            "digest": row.digest,
            "by": self.approver,
            "via": VIA,
            "now": self.at(minutes=1),
            **given,
        }
        return services.approve(**said)

    def activate(self, **given: Any) -> Any:
        used: dict[str, Any] = {
            "version_id": self.simulation.version_id,
            "by": self.approver,
            "via": VIA,
            "now": self.at(minutes=2),
            **given,
        }
        return services.activate(**used)


def make_table(*, verdict: str = "GREEN") -> Table:
    """A candidate with a finished simulation against the active version."""
    simulation = finished()
    Simulation.objects.filter(pk=simulation.pk).update(verdict=verdict)
    simulation.refresh_from_db()
    return Table(
        proposer=make_user("operator"),
        approver=make_approver("anna"),
        second=make_approver("bert"),
        simulation=simulation,
    )
