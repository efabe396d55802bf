"""Versions are immutable rows: the same content is the same row, other content another one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from strategies import queries, registry, services
from strategies.errors import ParamsInvalid, StrategyUnknown
from strategies.hashing import code_hash, params_hash
from strategies.models import StrategyVersion
from tests.strategies.factories import NOW, forge_version, make_version

pytestmark = pytest.mark.django_db


def test_a_version_is_a_candidate_with_complete_parameters_and_both_hashes() -> None:
    version = make_version("sma_cross", note="shorter", fast=10)

    assert (version.number, version.state, version.note) == (2, "CANDIDATE", "shorter")
    assert version.params == {
        "fast": 10,
        "slow": 50,
        "stop_loss": 0,
        "take_profit": 0,
        "trailing": 0,
    }
    assert version.params_hash == params_hash(version.params)
    assert version.code_hash == code_hash(registry.get("sma_cross"))
    assert (version.created_at, version.created_by) == (NOW, None)


def test_a_version_knows_its_author() -> None:
    services.sync_strategies(now=NOW)
    vera = User.objects.create_user("vera")

    version = services.create_version(
        strategy_name="trend_ema", params={"fast": 9}, by=vera, now=NOW
    )

    assert version.created_by == vera


@pytest.mark.parametrize(
    "params", [{}, {"fast": 20}, {"fast": "20", "slow": 50.0}, {"stop_loss": 0}]
)
def test_the_same_content_gives_the_row_that_exists(params: dict[str, Any]) -> None:
    version = make_version("sma_cross", note="again", **params)

    assert (version.number, version.state, version.note) == (1, "ACTIVE", "Defaults")
    assert StrategyVersion.objects.filter(strategy__name="sma_cross").count() == 1


def test_numbers_count_up_within_a_strategy() -> None:
    assert [make_version("sma_cross", fast=fast).number for fast in (5, 6, 7, 6)] == [2, 3, 4, 3]
    assert make_version("trend_ema", fast=5).number == 2


def test_a_new_version_changes_no_other() -> None:
    make_version("sma_cross", fast=5)
    before = list(StrategyVersion.objects.order_by("pk").values())

    make_version("sma_cross", fast=6)

    assert list(StrategyVersion.objects.order_by("pk").values())[: len(before)] == before


def test_changed_code_makes_a_version_of_the_same_parameters() -> None:
    forge_version(make_version("sma_cross"), code_hash="0" * 64)

    version = make_version("sma_cross")

    assert version.number == 2
    assert queries.runs_installed_code(version)
    assert not queries.runs_installed_code(queries.version_numbered("sma_cross", 1))


def test_parameters_out_of_bounds_make_no_version() -> None:
    with pytest.raises(ParamsInvalid) as refusal:
        make_version("sma_cross", fast=80)

    assert list(refusal.value.fields) == ["slow"]
    assert StrategyVersion.objects.filter(strategy__name="sma_cross").count() == 1


def test_a_note_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ParamsInvalid, match="note: at most 200 characters"):
        make_version("sma_cross", note="x" * 201, fast=10)


def test_a_strategy_that_is_not_there_has_no_versions() -> None:
    with pytest.raises(StrategyUnknown):
        make_version("martingale")


def test_a_strategy_without_a_row_says_what_to_do() -> None:
    with pytest.raises(StrategyUnknown, match="run the seed command"):
        services.create_version(strategy_name="trend_ema", params={}, by=None, now=NOW)


def test_the_hash_of_a_strategy_covers_the_strategies_it_builds_on() -> None:
    hashes = {code_hash(strategy) for strategy in registry.STRATEGIES.values()}

    assert len(hashes) == len(registry.STRATEGIES)
    assert all(len(found) == 64 for found in hashes)


def test_the_hash_of_parameters_knows_only_meaning() -> None:
    assert params_hash({"a": 1, "b": 2.0}) == params_hash({"b": 2, "a": 1.0})
    assert params_hash({"a": 1}) != params_hash({"a": 1.5})


@pytest.mark.django_db(transaction=True)
def test_people_who_make_versions_at_once_get_one_number_each() -> None:
    services.sync_strategies(now=NOW)

    def make(fast: int) -> int:
        try:
            return make_version("sma_cross", fast=fast).number
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(make, [5, 6, 7, 8, 5, 6, 7, 8]))

    assert numbers[:4] == numbers[4:]
    assert sorted(numbers[:4]) == [2, 3, 4, 5]
