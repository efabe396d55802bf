"""A strategy with a candidate that proved itself, and people who may decide on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, User

from approvals import services
from approvals.models import Approval
from marketdata.models import Candle, Symbol
from strategies import queries as strategy_queries
from strategies import registry
from strategies import services as strategy_services
from strategies.models import StrategyVersion
from tests.trading.factories import MIDNIGHT_MS, NOW, bars, make_candles, make_symbol, make_user
from trading import access, artifacts, tear_sheet
from trading import services as trading_services
from trading.models import Simulation
from trading.services import Plan, sync_roles
from trading.services._versions import note_simulated
from trading.services.research._simulations import _hashes
from trading.services.research._stretches import stage_of

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


def make_table(*, verdict: str = "GREEN", now: datetime = NOW) -> Table:
    """A candidate with a finished simulation against the active version."""
    trading_services.ensure_system_state(now=now)
    strategy_services.sync_strategies(now=now)
    proposer = make_user("operator")
    return Table(
        proposer=proposer,
        approver=make_approver("anna"),
        second=make_approver("bert"),
        simulation=make_proof(verdict=verdict, now=now, fast=8, slow=21),
        now=now,
    )


def make_proof(
    *, verdict: str = "GREEN", strategy: str = "trend_ema_fast", now: datetime = NOW, **params: Any
) -> Simulation:
    """A finished simulation whose hashes are right, as if the engine had run."""
    version = trading_services.create_version(
        strategy_name=strategy, params=params, note="", by=None, now=now
    )
    row = trading_services.start_simulation(
        version=version,
        baseline=strategy_queries.active_version(strategy),
        plan=Plan(
            symbols=[_symbol()],
            timeframe="5m",
            from_ms=MIDNIGHT_MS + 200 * 300_000,
            to_ms=MIDNIGHT_MS + 300 * 300_000,
        ),
        by=None,
        now=now,
    )
    return prove(row, verdict=verdict, now=now)


def prove(row: Simulation, *, verdict: str = "GREEN", now: datetime = NOW) -> Simulation:
    """End a simulation with this verdict."""
    pair = [strategy_queries.params_of(each) for each in (row.version, row.baseline) if each]
    code = registry.get(row.version.strategy.name)
    stage = stage_of(row, code, params=pair, fill_at="next_open")
    content = tear_sheet.to_bytes({"simulation": row.pk})
    digest = tear_sheet.digest(content)
    artifacts.keep(artifacts.SIMULATIONS, digest, tear_sheet.packed(content))
    row.finished_at, row.verdict, row.report_hash = now, verdict, digest
    row.certificate = {"hashes": _hashes(row, stage)}
    row.save()
    note_simulated(row, now=now)
    return row


def _symbol() -> Symbol:
    symbol = make_symbol("LTC/USDT")
    if not Candle.objects.filter(symbol=symbol).exists():
        make_candles(symbol, bars([100 + index % 7 for index in range(300)]))
    return symbol
