"""The workbench: drafts are typed, saved, changed, proposed; versions compared and put aside."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from strategies.models import StrategyVersion
from tests.console.pages import body, command, fragment, is_fragment, text_of
from tests.trading.factories import NOW, make_user, make_version
from tests.trading.simulating import finished
from trading import services
from trading.models import AuditEvent
from trading.version_form import fields_of

STRATEGY = "/strategies/trend_ema/"
NEW = f"{STRATEGY}versions/new/"


@pytest.fixture(autouse=True)
def versions(db: None) -> None:
    services.ensure_system_state(now=NOW)
    make_version("trend_ema", fast=9)


def typed(**params: Any) -> dict[str, Any]:
    """What the form sends: version 1 with other values."""
    first = StrategyVersion.objects.get(strategy__name="trend_ema", number=1)
    changes = {f"params-{name}": str(value) for name, value in params.items()}
    return {**fields_of(first), **changes}


def draft(**params: Any) -> StrategyVersion:
    return services.save_draft(
        strategy_name="trend_ema", params=params, note="an idea", by=make_user(), now=NOW
    )


def state(number: int) -> str:
    return StrategyVersion.objects.get(strategy__name="trend_ema", number=number).state


def test_the_form_begins_with_the_version_that_was_named(operator: Client) -> None:
    page = operator.get(f"{NEW}?from=2")
    text = text_of(page)

    assert "new from v2" in text
    assert 'value="9"' in body(page)
    assert "v2: 9, active: 12" in text
    assert "2 to 200 bars." in text
    assert 'step="0.005"' in body(page)
    assert "new from v1" in text_of(operator.get(NEW))


def test_a_draft_is_saved_and_shows_what_is_possible(operator: Client) -> None:
    answer = operator.post(NEW, typed(fast=7))

    assert answer.url == f"{STRATEGY}versions/3/"  # type: ignore[attr-defined]
    text = text_of(operator.get(answer.url))  # type: ignore[attr-defined]
    assert "v3 is a draft." in text
    for verb in ("Edit", "Propose", "Simulate against v1", "Delete the draft", "New from v3"):
        assert verb in text
    assert "Ask to activate Simulate it against the active version first." in text
    assert "Retire A draft is deleted or proposed." in text


def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(operator: Client) -> None:
    answer = operator.post(NEW, typed(fast=0, slow=77))

    assert answer.status_code == 422
    assert 'value="77"' in body(answer)
    assert "greater than or equal to 2" in text_of(answer)
    assert StrategyVersion.objects.filter(strategy__name="trend_ema").count() == 2


def test_parameters_that_do_not_go_together_are_refused(operator: Client) -> None:
    answer = operator.post(NEW, typed(fast=50, slow=20))

    assert answer.status_code == 422
    assert StrategyVersion.objects.filter(strategy__name="trend_ema").count() == 2


def test_what_another_version_has_points_to_it(operator: Client) -> None:
    answer = operator.post(NEW, typed())

    assert answer.status_code == 409
    assert "v1 has these parameters already (active)" in text_of(answer)
    edited = operator.post(f"{STRATEGY}versions/{draft(fast=7).number}/edit/", typed(fast=9))
    assert edited.status_code == 409
    assert "v2 has these parameters already (candidate)" in text_of(edited)


def test_a_double_click_saves_one_draft(operator: Client) -> None:
    first, again = (operator.post(NEW, typed(fast=7)) for _ in range(2))

    assert first.url == again.url  # type: ignore[attr-defined]
    assert AuditEvent.objects.filter(action="strategy_version.drafted").count() == 1


def test_it_is_proposed_at_once_where_that_is_wanted(operator: Client) -> None:
    operator.post(NEW, {**typed(fast=7), "propose": "1"})

    assert state(3) == "CANDIDATE"


def test_a_draft_is_edited_until_it_is_proposed(operator: Client) -> None:
    made = draft(fast=7)
    path = f"{STRATEGY}versions/{made.number}/"
    assert "an idea" in body(operator.get(f"{path}edit/"))
    operator.post(f"{path}edit/", {**typed(fast=8), "seen": made.params_hash})
    made.refresh_from_db()
    assert made.params["fast"] == 8

    operator.post(f"{path}propose/")
    assert state(made.number) == "CANDIDATE"
    assert operator.get(f"{path}edit/").status_code == 409
    assert operator.post(f"{path}edit/", typed(fast=6)).status_code == 409
    assert command(operator, f"{path}propose/").status_code == 409
    assert command(operator, f"{path}delete/").status_code == 409
    made.refresh_from_db()
    assert made.params["fast"] == 8


def test_two_editors_do_not_overwrite_each_other(operator: Client) -> None:
    made = draft(fast=7)
    path = f"{STRATEGY}versions/{made.number}/edit/"
    operator.post(path, {**typed(fast=8), "seen": made.params_hash})
    answer = operator.post(path, {**typed(fast=6), "seen": made.params_hash})

    assert answer.status_code == 409
    assert "Somebody changed it since you read it" in text_of(answer)
    assert 'value="6"' in body(answer)
    made.refresh_from_db()
    assert made.params["fast"] == 8


def test_a_deleted_draft_comes_back_by_undo(operator: Client) -> None:
    made = draft(fast=7)
    answer = command(operator, f"{STRATEGY}versions/{made.number}/delete/", stay="1")
    assert "Undo" in body(answer)
    assert answer["HX-Trigger"] == "refresh"
    assert not StrategyVersion.objects.filter(pk=made.pk).exists()

    operator.post(NEW, fields_of(made))  # what the notice's form sends
    back = StrategyVersion.objects.get(strategy__name="trend_ema", number=made.number + 1)
    assert (back.params, back.note, back.state) == (made.params, "an idea", "DRAFT")


def test_a_candidate_is_retired_and_comes_back_by_undo(operator: Client) -> None:
    path = f"{STRATEGY}versions/2/"
    refused = command(operator, f"{path}retire/", reason=" ")
    assert "Say why" in body(refused)
    answer = command(operator, f"{path}retire/", reason="no better")
    assert state(2) == "RETIRED"
    assert f"{path}propose/" in body(answer)
    assert "Retired by hand no better" in text_of(operator.get(path))

    command(operator, f"{path}propose/")
    assert state(2) == "CANDIDATE"


def test_the_active_version_says_why_it_is_not_retired(operator: Client) -> None:
    text = text_of(operator.get(f"{STRATEGY}versions/1/"))

    assert "Retire What replaces it retires it." in text
    assert command(operator, f"{STRATEGY}versions/1/retire/", reason="no good").status_code == 409


def test_a_viewer_reads_the_workbench_and_its_reasons(viewer: Client) -> None:
    number = draft(fast=7).number
    text = text_of(viewer.get(f"{STRATEGY}versions/{number}/"))

    assert "Nothing that you may do." in text
    assert "Propose It takes the permission to operate strategies." in text
    assert viewer.get(NEW).status_code == 403
    for verb in ("edit", "delete", "propose", "retire"):
        path = f"{STRATEGY}versions/{number}/{verb}/"
        assert viewer.post(path, typed(fast=6)).status_code == 403
    assert state(number) == "DRAFT"


def test_a_note_is_text_and_no_markup(operator: Client) -> None:
    operator.post(NEW, {**typed(fast=7), "note": "<script>alert(1)</script>"})

    for path in (STRATEGY, f"{STRATEGY}versions/3/", f"{STRATEGY}compare/?before=1&after=3"):
        assert "<script>alert" not in body(operator.get(path))


def test_two_versions_are_compared_with_the_evidence_of_one_simulation(viewer: Client) -> None:
    row = finished()
    number = row.version.number
    page = fragment(
        viewer,
        f"/strategies/trend_ema_fast/compare/?before=1&after={number}",
        "versions-compared",
    )

    assert is_fragment(page)
    text = text_of(page)
    assert "Fast EMA (differs) 5 bars 8 bars" in text
    assert "14 bars 14 bars" in text
    assert f"Both in simulation {row.pk}" in text
    assert "Total return" in text


def test_the_other_way_round_the_columns_change_places(viewer: Client) -> None:
    row = finished()
    paths = [
        f"/strategies/trend_ema_fast/compare/?before={a}&after={b}"
        for a, b in ((1, row.version.number), (row.version.number, 1))
    ]
    pairs = [
        {
            pair.title: (pair.before, pair.after)
            for pair in viewer.get(path).context["evidence"]["metrics"]
        }
        for path in paths
    ]

    assert pairs[0] == {title: (b, a) for title, (a, b) in pairs[1].items()}


def test_what_was_never_simulated_has_no_evidence(viewer: Client) -> None:
    text = text_of(viewer.get(f"{STRATEGY}compare/?before=1&after=2"))

    assert "There is no finished simulation of v1 and v2." in text
    assert "one and the same version" in text_of(viewer.get(f"{STRATEGY}compare/?before=2&after=2"))
    assert viewer.get(f"{STRATEGY}compare/?before=9").status_code == 404


def test_all_versions_leave_as_csv_and_json(viewer: Client) -> None:
    draft(fast=7)
    csv = body(viewer.get(f"{STRATEGY}versions.csv")).splitlines()
    told = viewer.get(f"{STRATEGY}versions.json").json()

    assert csv[0].startswith("number,state,note,made_by,made_at,simulation,verdict,bots,")
    assert csv[1].startswith("3,DRAFT,an idea,")
    assert len(csv) == 4
    assert [row["params"]["fast"] for row in told["versions"]] == [7, 9, 12]
    assert viewer.get("/strategies/none/versions.csv").status_code == 404


def test_the_list_leads_from_each_version_to_the_next_step(operator: Client) -> None:
    number = draft(fast=7).number
    page = body(operator.get(STRATEGY))

    assert f"{STRATEGY}versions/{number}/edit/" in page
    assert f"{NEW}?from=2" in page
    assert "data-row" in page
    assert "Nothing was activated yet" in page
