"""A draft's parameters may change until it is proposed."""

from __future__ import annotations

from typing import Any

import pytest

from strategies import queries, services
from strategies.errors import (
    DraftChanged,
    ParamsInvalid,
    VersionCorrupt,
    VersionExists,
    VersionStateWrong,
    VersionUnknown,
)
from strategies.hashing import params_hash
from strategies.models import StrategyVersion
from tests.strategies.factories import NOW, forge_version, make_version

pytestmark = pytest.mark.django_db
NAME = "trend_ema"


def make_draft(**params: Any) -> StrategyVersion:
    services.sync_strategies(now=NOW)
    return services.create_version(
        strategy_name=NAME, params=params, by=None, now=NOW, draft=True, note="an idea"
    )


def test_a_draft_is_changed_and_keeps_what_is_not_named() -> None:
    draft = make_draft(fast=7, slow=30)

    changed = services.change_draft(version_id=draft.pk, params={"fast": 8})

    assert (changed.params["fast"], changed.params["slow"]) == (8, 30)
    assert (changed.state, changed.number, changed.note) == ("DRAFT", draft.number, "an idea")
    assert queries.params_of(changed).model_dump()["fast"] == 8


def test_the_same_content_gives_the_row_there_is_in_whatever_state() -> None:
    candidate = make_version(NAME, fast=7)

    assert make_draft(fast=7) == candidate
    assert make_draft().state == "ACTIVE"
    assert make_draft(fast=8) == make_draft(fast=8)


def test_a_change_that_makes_another_version_points_to_it() -> None:
    candidate, draft = make_version(NAME, fast=7), make_draft(fast=8)

    with pytest.raises(VersionExists, match="these parameters") as refused:
        services.change_draft(version_id=draft.pk, params={"fast": 7})

    assert refused.value.fields == {"version": candidate.number}
    draft.refresh_from_db()
    assert draft.params["fast"] == 8


def test_two_who_edit_at_once_do_not_overwrite_each_other() -> None:
    draft = make_draft(fast=7)
    services.change_draft(version_id=draft.pk, params={"fast": 8}, seen=draft.params_hash)

    with pytest.raises(DraftChanged):
        services.change_draft(version_id=draft.pk, params={"fast": 9}, seen=draft.params_hash)


@pytest.mark.parametrize("params", [{"fast": 0}, {"fast": "many"}, {"odd": 1}, {"fast": None}])
def test_rubbish_is_refused_and_changes_nothing(params: dict[str, Any]) -> None:
    draft = make_draft(fast=7)

    with pytest.raises(ParamsInvalid):
        services.change_draft(version_id=draft.pk, params=params)
    with pytest.raises(ParamsInvalid):
        services.change_draft(version_id=draft.pk, params={}, note="x" * 201)

    draft.refresh_from_db()
    assert (draft.params["fast"], draft.note) == (7, "an idea")


def test_a_proposed_draft_is_a_candidate_that_stays() -> None:
    draft = make_draft(fast=7)

    assert services.propose_version(version_id=draft.pk).state == "CANDIDATE"

    for act in (services.change_draft, services.delete_draft, services.propose_version):
        given: dict[str, Any] = {"params": {"fast": 9}} if act is services.change_draft else {}
        with pytest.raises(VersionStateWrong):
            act(version_id=draft.pk, **given)


def test_a_draft_with_rubbish_written_past_the_services_is_not_proposed() -> None:
    draft = make_draft(fast=7)
    rows = StrategyVersion.objects.filter(pk=draft.pk)
    rows.update(params={**draft.params, "fast": 8})  # the database lets a draft change

    with pytest.raises(VersionCorrupt):
        services.propose_version(version_id=draft.pk)

    odd = {**draft.params, "fast": -1}
    rows.update(params=odd, params_hash=params_hash(odd))
    with pytest.raises(ParamsInvalid):
        services.propose_version(version_id=draft.pk)
    assert rows.get().state == "DRAFT"


def test_a_draft_of_older_code_is_proposed_with_todays() -> None:
    draft = make_draft(fast=7)
    today = draft.code_hash
    forge_version(draft, code_hash="0" * 64)

    assert services.propose_version(version_id=draft.pk).code_hash == today


def test_what_was_retired_is_proposed_anew() -> None:
    version = make_version(NAME, fast=7)
    services.retire_version(version_id=version.pk)

    assert services.propose_version(version_id=version.pk).state == "CANDIDATE"


def test_the_number_of_a_deleted_draft_is_not_given_again() -> None:
    draft = make_draft(fast=7)
    services.delete_draft(version_id=draft.pk)

    with pytest.raises(VersionUnknown):
        services.delete_draft(version_id=draft.pk)
    assert make_version(NAME, fast=7).number == draft.number + 1


def test_only_drafts_are_deleted() -> None:
    active = make_draft()

    with pytest.raises(VersionStateWrong, match="Begin a draft from it"):
        services.delete_draft(version_id=active.pk)
