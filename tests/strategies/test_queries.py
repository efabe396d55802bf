"""Reads of versions: their parameters, what is active, and what differs."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from strategies import queries
from strategies.errors import ParamsInvalid, StrategyUnknown, VersionCorrupt, VersionUnknown
from strategies.hashing import params_hash
from strategies.library.trend_ema import TrendEmaParams
from strategies.models import Strategy, StrategyVersion
from strategies.queries import ParamChange
from tests.strategies.factories import NOW, forge_version, make_version

pytestmark = pytest.mark.django_db


def test_parameters_come_back_as_they_went_in() -> None:
    version = make_version("trend_ema", fast=7, buffer=0.35, trailing=0.05)
    version.refresh_from_db()

    found = queries.params_of(version)

    assert found == TrendEmaParams(fast=7, buffer=0.35, trailing=0.05)


def test_parameters_that_were_edited_in_the_row_are_refused() -> None:
    version = make_version("trend_ema", fast=7)
    forge_version(version, params={**version.params, "fast": 8})

    with pytest.raises(VersionCorrupt, match="edited after it was made"):
        queries.params_of(version)


def test_parameters_that_have_left_the_bounds_are_refused() -> None:
    version = make_version("trend_ema", fast=7)
    version.params = {**version.params, "fast": 1}
    version.params_hash = params_hash(version.params)

    with pytest.raises(ParamsInvalid):
        queries.params_of(version)


def test_a_version_whose_code_is_gone_is_refused() -> None:
    version = make_version("trend_ema", fast=7)
    Strategy.objects.filter(name="trend_ema").update(name="retired")
    version.refresh_from_db()

    with pytest.raises(StrategyUnknown):
        queries.params_of(version)


def test_the_active_version_is_not_the_newest() -> None:
    make_version("trend_ema", fast=7)

    assert queries.active_version("trend_ema").number == 1
    assert [version.number for version in queries.versions_of("trend_ema")] == [2, 1]


def test_only_one_version_of_a_strategy_can_be_active() -> None:
    version = make_version("trend_ema", fast=7)

    with pytest.raises(IntegrityError), transaction.atomic():
        forge_version(version, state="ACTIVE")


def test_rows_are_named_by_what_people_call_them() -> None:
    version = make_version("trend_ema", fast=7)

    assert str(version.strategy) == "trend_ema"
    assert str(version) == f"{version.strategy_id} v2"


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(StrategyUnknown):
        queries.strategy_named("martingale")
    with pytest.raises(VersionUnknown, match="has no version 99"):
        queries.version_numbered("trend_ema", 99)
    with pytest.raises(VersionUnknown, match="no active version"):
        queries.active_version("trend_ema")


def test_a_diff_has_what_differs_in_the_order_of_the_form() -> None:
    before = make_version("trend_ema", fast=7)
    after = make_version("trend_ema", fast=7, slow=30, stop_loss=0.02)

    assert queries.version_diff(before, after) == [
        ParamChange("slow", "Slow EMA", "bars", 26, 30),
        ParamChange("stop_loss", "Stop loss", "fraction", 0, 0.02),
    ]
    assert queries.version_diff(after, after) == []


def test_a_diff_shows_parameters_that_one_side_does_not_have() -> None:
    version = make_version("trend_ema", fast=7)
    old = StrategyVersion(
        strategy=version.strategy,
        number=3,
        params={**version.params, "lookback": 5},
        created_at=NOW,
    )
    del old.params["buffer"]

    assert queries.version_diff(old, version) == [
        ParamChange("buffer", "Buffer", "ATR", None, 1),
        ParamChange("lookback", "lookback", "", 5, None),
    ]


def test_a_strategy_is_found_by_its_name_or_its_id() -> None:
    row = make_version("trend_ema", fast=7).strategy

    assert queries.strategy_called("trend_ema") == row
    assert queries.strategy_called(str(row.pk)) == row
    with pytest.raises(StrategyUnknown):
        queries.strategy_called("987654321")
    with pytest.raises(StrategyUnknown):
        queries.strategy_called("martingale")
