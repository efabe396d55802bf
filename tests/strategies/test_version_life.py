"""A version moves along its states, and the database knows them too."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from strategies import queries, services
from strategies.errors import NothingToRollBack, VersionStateWrong, VersionUnknown
from strategies.models import StrategyVersion
from strategies.version_state import NEXT
from tests.strategies.factories import NOW, forge_version, make_version

pytestmark = pytest.mark.django_db
NAME = "trend_ema"


def activate(version: StrategyVersion) -> None:
    services.mark_simulated(version_id=version.pk)
    services.approve_version(version_id=version.pk)
    services.activate_version(version_id=version.pk, by=None, now=NOW)


def state(version: StrategyVersion) -> str:
    return StrategyVersion.objects.values_list("state", flat=True).get(pk=version.pk)


def test_an_activated_version_replaces_the_active_one() -> None:
    version = make_version(NAME, fast=7)
    before = queries.active_version(NAME)
    activate(version)

    assert (state(before), state(version)) == ("RETIRED", "ACTIVE")
    last = queries.last_activation(NAME)
    assert last is not None
    assert (last.version, last.replaced, last.rollback) == (version, before, False)


def test_a_rollback_is_one_step() -> None:
    first = make_version(NAME)
    activate(make_version(NAME, fast=7))
    activate(make_version(NAME, fast=8))
    services.roll_back_version(strategy_name=NAME, by=None, now=NOW)

    assert queries.active_version(NAME).number == 2
    assert state(first) == "RETIRED"
    with pytest.raises(NothingToRollBack):
        services.roll_back_version(strategy_name=NAME, by=None, now=NOW)


def test_what_was_proposed_anew_meanwhile_is_still_brought_back() -> None:
    first = make_version(NAME)
    activate(make_version(NAME, fast=7))
    assert services.mark_simulated(version_id=first.pk)
    assert state(first) == "SIMULATED"

    services.roll_back_version(strategy_name=NAME, by=None, now=NOW)
    assert state(first) == "ACTIVE"


def test_even_one_that_people_approved_anew_is_brought_back_at_once() -> None:
    first = make_version(NAME)
    activate(make_version(NAME, fast=7))
    services.mark_simulated(version_id=first.pk)
    services.approve_version(version_id=first.pk)

    services.roll_back_version(strategy_name=NAME, by=None, now=NOW)
    assert state(first) == "ACTIVE"


def test_steps_from_another_state_are_refused() -> None:
    version = make_version(NAME, fast=7)
    with pytest.raises(VersionStateWrong):
        services.approve_version(version_id=version.pk)
    with pytest.raises(VersionStateWrong):
        services.activate_version(version_id=version.pk, by=None, now=NOW)
    with pytest.raises(VersionStateWrong):
        services.retire_version(version_id=queries.active_version(NAME).pk)
    with pytest.raises(VersionUnknown):
        services.approve_version(version_id=0)

    assert not services.unapprove_version(version_id=version.pk)
    assert queries.active_version(NAME).number == 1


@pytest.mark.parametrize("old", NEXT)
def test_the_database_takes_the_same_steps_as_the_table(old: str) -> None:
    for new in NEXT:
        if new in {old, "ACTIVE"} or old == "ACTIVE":
            continue  # one active version: the other tests
        version = make_version(NAME, fast=7)
        forge_version(version, state=old)
        rows = StrategyVersion.objects.filter(pk=version.pk)
        if new in NEXT[old]:
            assert rows.update(state=new) == 1
        else:
            with pytest.raises(IntegrityError), transaction.atomic():
                rows.update(state=new)


@pytest.mark.parametrize(
    "edit",
    [{"params": {}}, {"params_hash": "0" * 64}, {"code_hash": "0" * 64}, {"number": 9}],
)
def test_the_database_keeps_what_a_version_is(edit: dict[str, object]) -> None:
    version = make_version(NAME, fast=7)

    with pytest.raises(IntegrityError), transaction.atomic():
        StrategyVersion.objects.filter(pk=version.pk).update(**edit)


@pytest.mark.parametrize(
    ("edit", "kept"),
    [
        ({"params": {}}, False),
        ({"params_hash": "0" * 64}, False),
        ({"code_hash": "0" * 64}, False),
        ({"number": 9}, True),
        ({"params": {}, "state": "CANDIDATE"}, True),  # a step changes nothing else
        ({"params": {}, "state": "RETIRED"}, True),
    ],
)
def test_the_database_lets_only_a_draft_have_other_parameters(
    edit: dict[str, object], kept: bool
) -> None:
    version = make_version(NAME, fast=7)
    forge_version(version, state="DRAFT")
    rows = StrategyVersion.objects.filter(pk=version.pk)

    if kept:
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**edit)
    else:
        assert rows.update(**edit) == 1
