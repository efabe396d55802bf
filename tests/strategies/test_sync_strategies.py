"""Each strategy in the registry has a row and an active first version."""

from __future__ import annotations

from datetime import timedelta

import pytest

from strategies import queries, registry, services
from strategies.models import Strategy, StrategyVersion
from tests.strategies.factories import NOW, make_version

pytestmark = pytest.mark.django_db


def test_every_strategy_gets_a_row_and_an_active_version_with_its_defaults() -> None:
    rows = services.sync_strategies(now=NOW)

    assert {row.name for row in rows} == set(registry.STRATEGIES)
    for name, strategy in registry.STRATEGIES.items():
        version = queries.active_version(name)
        assert version.number == 1
        assert queries.params_of(version) == strategy.validated({})


def test_a_second_sync_changes_nothing() -> None:
    services.sync_strategies(now=NOW)
    before = [list(model.objects.values()) for model in (Strategy, StrategyVersion)]

    services.sync_strategies(now=NOW + timedelta(days=1))

    assert [list(model.objects.values()) for model in (Strategy, StrategyVersion)] == before


def test_texts_follow_the_code_and_versions_do_not() -> None:
    make_version("trend_ema", fast=9)
    Strategy.objects.filter(name="trend_ema").update(title="Old", description="Old")
    StrategyVersion.objects.filter(strategy__name="trend_ema").update(state="RETIRED")

    services.sync_strategies(now=NOW)

    assert queries.strategy_named("trend_ema").title == "EMA trend"
    states = StrategyVersion.objects.filter(strategy__name="trend_ema").values_list("state")
    assert set(states) == {("RETIRED",)}
