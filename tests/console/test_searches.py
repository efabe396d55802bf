"""Searches on pages: the list, a new one, how far one is, and what it proposes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.console.conftest import SignIn
from tests.console.pages import body, command, fragment, is_fragment, text_of
from tests.scenarios.replays import NOW
from tests.trading.simulating import finished, searched
from tests.trading.test_search import carried, start
from trading import queries, services
from trading.models import Job, Search, Simulation
from trading.search_form import wide_step
from trading.search_pages import axes_of, chosen_axes


@pytest.fixture(autouse=True)
def own_artifacts(tmp_path: Path, settings: Any) -> None:
    settings.STATE_DIR = tmp_path


def test_the_list_says_what_a_search_is_for_while_there_is_none(sign_in: SignIn) -> None:
    assert "No search yet" in text_of(sign_in("viewer").get("/searches/"))
    assert "New search" in text_of(sign_in("operator").get("/searches/"))


def test_the_list_shows_how_far_each_is_and_its_best(viewer: Client) -> None:
    done, waiting = carried(start()), start()

    response = viewer.get("/searches/")

    assert f'job-id="{waiting.job_id}"' in body(response)
    assert "highest Total return" in text_of(response)
    assert f"{done.best[0]['score'] * 100:,.2f}" in text_of(response).replace("−", "-")
    assert "Nothing matches" in text_of(viewer.get("/searches/?status=FAILED"))
    assert "New search" not in text_of(response)


def test_a_finished_search_shows_heat_progress_and_its_best_tries(viewer: Client) -> None:
    row = carried(start())

    response = viewer.get(f"/searches/{row.pk}/")

    words, html = text_of(response), body(response)
    assert "13 of 15" in words
    assert "the others don&#x27;t go together" in html or "the others don't go together" in html
    assert "Trials of the strategy 13" in words
    assert html.count('<rect class="cell') == 13
    assert html.count("cell--best") == 1
    assert "Total return from try to try" in words
    assert "every 3s" not in html
    assert "style=" not in html.split("<main", 1)[1]


@pytest.mark.parametrize("part", ["search-state", "search-heat", "search-results"])
def test_each_part_reads_itself_again_while_it_runs(viewer: Client, part: str) -> None:
    row = start()

    response = fragment(viewer, f"/searches/{row.pk}/", part)

    assert is_fragment(response)
    assert f'id="{part}"' in body(response)
    assert "every " in body(response)


def test_three_parameters_leave_the_choice_of_two(viewer: Client) -> None:
    space = {
        "fast": {"values": [4, 6]},
        "slow": {"values": [20, 30]},
        "atr_period": {"values": [10, 14]},
    }
    row = carried(start(space=space))

    first = viewer.get(f"/searches/{row.pk}/")
    other = viewer.get(f"/searches/{row.pk}/?x=atr_period&y=slow")

    assert [first.context["x"].name, first.context["y"].name] == ["fast", "slow"]
    assert [other.context["x"].name, other.context["y"].name] == ["atr_period", "slow"]
    assert "the best of what the other parameters were" in text_of(other)
    assert body(other).count('<rect class="cell') == 4


def test_axes_that_do_not_differ_are_replaced(viewer: Client) -> None:
    row = start(space={"fast": {"values": [4, 6]}, "slow": {"values": [20]}})
    axes = axes_of(row)

    assert [axis.name for axis in chosen_axes(row, axes, {})] == ["fast"]
    both = chosen_axes(row, axes, {"x": "slow", "y": "slow"})
    assert [axis.name for axis in both] == ["slow", "fast"]


def test_only_operators_see_the_buttons(sign_in: SignIn) -> None:
    row = start()
    url = f"/searches/{row.pk}/"

    operator, viewer = sign_in("operator"), sign_in("viewer")

    assert "Cancel search" in body(operator.get(url))
    assert "Cancel search" not in body(viewer.get(url))
    assert viewer.post(f"{url}propose/").status_code == 403


def test_a_canceled_search_offers_to_go_on(operator: Client) -> None:
    row = start()
    services.cancel_job(job_id=row.job_id, by=None, now=NOW)
    url = f"/searches/{row.pk}/"

    offered = f"{url}resume/" in body(operator.get(url))
    answer = command(operator, f"{url}resume/")
    again = command(operator, f"{url}resume/")

    assert offered
    assert f"Search {row.pk} goes on." in text_of(answer)
    assert again.status_code == 409
    assert queries.search(row.pk).job.status == Job.Status.QUEUED
    assert f"{url}resume/" not in body(operator.get(url))


def test_a_failed_search_says_why(viewer: Client) -> None:
    row = start(from_ms=1_000_000_000_000, to_ms=1_000_100_000_000)
    services.run_search(search_id=row.pk, now=NOW)

    assert "0 candles are stored" in text_of(viewer.get(f"/searches/{row.pk}/"))


def test_the_best_becomes_a_candidate_and_its_evidence_stands_beside_the_search(
    operator: Client,
) -> None:
    row = searched()

    answer = operator.post(f"/searches/{row.pk}/propose/")
    made = Simulation.objects.latest("pk")
    waiting = text_of(operator.get(f"/searches/{row.pk}/"))
    services.run_job(job_id=made.job_id, now=NOW)
    judged = text_of(operator.get(f"/searches/{row.pk}/"))

    assert answer.headers["Location"] == f"/simulations/{made.pk}/"
    assert f"v{made.version.number}, simulation {made.pk} Queued" in waiting
    assert "Deflated Sharpe ratio" not in waiting
    assert "Deflated Sharpe ratio" in judged
    assert "Simulate as candidate again" in judged


def test_nothing_is_proposed_before_anything_was_found(operator: Client) -> None:
    row = start()

    assert operator.post(f"/searches/{row.pk}/propose/").status_code == 409
    assert "Simulate as candidate" not in text_of(operator.get(f"/searches/{row.pk}/"))
    assert "Nothing has a score yet" in text_of(operator.get(f"/searches/{row.pk}/"))


def test_a_search_that_is_not_there_says_so(viewer: Client) -> None:
    response = viewer.get("/searches/999999/")

    assert response.status_code == 404
    assert "There is no search 999999." in text_of(response)


def test_full_pages_of_searches_and_simulations_have_each_id_once(viewer: Client) -> None:
    search, a, b = carried(start()), finished(), finished()
    urls = (
        f"searches/{search.pk}/",
        f"simulations/{a.pk}/",
        f"simulations/compare/?a={a.pk}&b={b.pk}",
    )

    for url in urls:
        html = body(viewer.get(f"/{url}"))
        ids = re.findall(r"\sid=\"([^\"]+)\"", html)
        assert len(re.findall(r"<h1\b", html)) == 1, url
        assert sorted({name for name in ids if ids.count(name) > 1}) == [], url
        assert re.findall(r"<[^>]+\s(?:style|on\w+)=", html) == [], url


def test_every_try_comes_as_csv(viewer: Client) -> None:
    row = carried(start())

    lines = body(viewer.get(f"/searches/{row.pk}/trials.csv")).splitlines()

    assert lines[0] == "try,fast,slow,total_return"
    assert len(lines) == 1 + row.tried
    assert max(float(line.split(",")[-1]) for line in lines[1:]) == row.best[0]["score"]


def filled(operator: Client, **changes: Any) -> dict[str, Any]:
    """The form of a strategy as it stands, on the recorded days."""
    start()
    new = operator.get("/searches/new/?strategy=trend_ema_fast").context["new"]
    data = {f"space-{name}": field.initial for name, field in new.space.fields.items()}
    symbol = new.plan.fields["symbols"].queryset.get()
    return {
        **{name: value for name, value in data.items() if value is not False},
        "space-sent": "1",
        "strategy": "trend_ema_fast",
        "symbols": [symbol.pk],
        "timeframe": "5m",
        "start": "2024-03-01T00:00",
        "end": "2024-03-06T00:00",
        "starting_cash": "5000",
        "oos_share": "40",
        "method": "grid",
        "objective": "sharpe",
        "trials": "50",
        **changes,
    }


TWO = {
    "space-vary_atr_period": "",
    "space-vary_buffer": "",
    "space-vary_patience": "",
    "space-low_fast": "4",
    "space-high_fast": "6",
    "space-step_fast": "1",
    "space-low_slow": "20",
    "space-high_slow": "40",
    "space-step_slow": "10",
}


def only_two(data: dict[str, Any]) -> dict[str, Any]:
    kept = {"space-vary_fast", "space-vary_slow"}
    return {k: v for k, v in data.items() if not k.startswith("space-vary_") or k in kept}


def test_an_operator_starts_a_search_from_the_form(operator: Client) -> None:
    data = only_two(filled(operator, **TWO))
    before = Search.objects.count()

    answer = operator.post("/searches/new/", {**data, "start_run": "1"})

    row = Search.objects.order_by("-pk")[0]
    assert Search.objects.count() == before + 1
    assert answer.headers["Location"] == f"/searches/{row.pk}/"
    assert row.space == {"fast": {"values": [4, 5, 6]}, "slow": {"values": [20, 30, 40]}}
    assert (row.wanted, row.objective, row.oos_share) == (9, "sharpe", 0.4)
    assert row.starting_cash == 5000


def test_the_combinations_are_counted_before_the_start(operator: Client) -> None:
    data = only_two(filled(operator, **TWO))
    headers = {"HX-Request": "true", "HX-Target": "search-count"}

    def counted(**changes: Any) -> str:
        return text_of(operator.get("/searches/new/", {**data, **changes}, headers=headers))

    before = Search.objects.count()
    assert "9 of 9 combinations" in counted()
    assert "5 of 9 combinations" in counted(method="tpe", trials="5")
    assert "make no space" in counted(**{"space-high_fast": "9000"})
    assert "trials so far" in counted()
    assert "9 of 9 combinations" in text_of(operator.post("/searches/new/", data))
    assert Search.objects.count() == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"symbols": []}, "Choose at least one symbol."),
        ({"end": "2024-02-01T00:00"}, "The end must come after the start."),
        ({"space-high_fast": "900"}, "Between "),
        ({"space-low_fast": "50", "space-high_fast": "40"}, "make a range"),
        ({"space-vary_fast": "", "space-vary_slow": ""}, "Choose at least one parameter"),
        ({"space-low_fast": "x"}, "Enter a number."),
    ],
)
def test_what_can_not_be_searched_is_said_at_its_field(
    operator: Client, changes: dict[str, Any], words: str
) -> None:
    data = only_two(filled(operator, **TWO))

    response = operator.post("/searches/new/", {**data, **changes, "start_run": "1"})

    assert response.status_code == 422
    assert words in text_of(response).replace("&#x27;", "'")


def test_what_the_service_refuses_is_shown(operator: Client) -> None:
    data = filled(operator) | {f"space-step_{name}": "1" for name in ("fast", "slow")}
    many = {f"space-vary_{name}": "on" for name in ("stop_loss", "take_profit", "trailing")}

    response = operator.post("/searches/new/", {**data, **many, "start_run": "1"})

    assert response.status_code == 422
    assert "at most 200,000 are tried in one search" in text_of(response)


def test_another_strategy_asks_for_its_own_parameters(operator: Client) -> None:
    start()

    assert "Slow EMA" in text_of(operator.get("/searches/new/?strategy=trend_ema"))
    assert "Slow EMA" not in text_of(operator.get("/searches/new/?strategy=rsi_reversion"))


def test_a_range_begins_with_few_values() -> None:
    assert wide_step((2, 200), 1) == 22
    assert wide_step((0, 0.5), 0.005) == pytest.approx(0.06)
    assert wide_step((0, 3), 1) == 1
    assert wide_step((0, 9), 0) == 1


def test_a_version_shows_the_verdict_of_its_last_simulation(viewer: Client) -> None:
    row = finished()

    html = body(viewer.get("/strategies/trend_ema_fast/"))

    assert html.count(f'href="/simulations/{row.pk}/"') == 1
    assert "Not simulated yet" in html
