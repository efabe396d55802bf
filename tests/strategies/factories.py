"""Rows and strategies for tests of strategies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from marketdata.bars import Bars, Floats
from strategies import services, version_triggers
from strategies.models import StrategyVersion
from strategies.protocol import Params, Strategy
from tests.forging import without

NOW = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)


def make_version(
    strategy_name: str = "trend_ema", *, note: str = "", **params: Any
) -> StrategyVersion:
    """A version with these parameters; the strategies' rows are made when they are missing."""
    services.sync_strategies(now=NOW)
    return services.create_version(
        strategy_name=strategy_name, params=params, by=None, now=NOW, note=note
    )


def forge_version(version: StrategyVersion, **fields: Any) -> None:
    """Write what the database would refuse, as somebody with its password could."""
    with without(version_triggers.TRIGGERS):
        StrategyVersion.objects.filter(pk=version.pk).update(**fields)
    version.refresh_from_db()


class Fixed(Strategy[Params]):
    """A strategy whose targets are a given function of the bars."""

    name = "fixed"
    title = "Fixed"
    description = ""
    params_model = Params

    def __init__(self, rule: Any, warmup: int = 1) -> None:
        self.rule = rule
        self.bars_needed = warmup

    def warmup(self, params: Params) -> int:
        return self.bars_needed

    def targets(self, bars: Bars, params: Params) -> Floats:
        return np.asarray(self.rule(bars), dtype=np.float64)
