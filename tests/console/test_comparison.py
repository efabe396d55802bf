"""Two simulations side by side on a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.console.pages import body, text_of
from tests.trading.simulating import finished, start
from trading import metrics
from trading.comparison_pages import better_of
from trading.metrics import HIGHER_IS_BETTER, LOWER_IS_BETTER
from trading.templatetags.words import significant


@pytest.fixture(autouse=True)
def own_artifacts(tmp_path: Path, settings: Any) -> None:
    settings.STATE_DIR = tmp_path


def pair(viewer: Client, **changes: Any) -> Any:
    a, b = finished(), finished(**changes)
    return viewer.get(f"/simulations/compare/?a={a.pk}&b={b.pk}")


def test_two_boxes_of_the_list_lead_to_the_two_side_by_side(viewer: Client) -> None:
    a, b = finished(), finished(params={"fast": 5, "slow": 30})
    running = start(params={"fast": 9, "slow": 22})

    boxes = body(viewer.get("/simulations/"))
    answer = viewer.get(f"/simulations/compare/?run={a.pk}&run={b.pk}")

    assert f'id="run-{a.pk}"' in boxes
    assert f'id="run-{running.pk}"' not in boxes
    assert answer.headers["Location"] == f"/simulations/compare/?a={a.pk}&b={b.pk}"


def test_metrics_parameters_curves_and_checks_stand_beside_each_other(viewer: Client) -> None:
    response = pair(viewer, params={"fast": 5, "slow": 30})

    words = text_of(response)
    for part in ("Growth and drawdown", "Fast EMA 8 bars 5 bars", "Deflated Sharpe ratio"):
        assert part in words
    assert body(response).count("picture__line--side-a") == 2
    assert "More than the parameters differs" not in words
    assert "(better)" in words
    assert "style=" not in body(response).split("<main", 1)[1]


def test_what_else_differs_is_said_before_the_numbers(viewer: Client) -> None:
    knobs = {"fee_taker_bps": "25"}
    words = text_of(
        pair(viewer, fill_at="same_close", starting_cash=500, oos_share=0.5, knobs=knobs)
    )

    assert "More than the parameters differs" in words
    assert "Orders fill at: next open against same close (optimistic)." in words
    assert "against 500; amounts of money are not alike." in words
    assert "Out of sample begins:" in words
    assert "Taker fee: 10 against 25." in words
    assert "The parameters are the same." in words


def test_another_stretch_and_changed_candles_are_said(viewer: Client) -> None:
    a, b, c = finished(), finished(), finished(to_ms=1_709_500_000_000)
    hashes = {**b.certificate["hashes"], "engine": "x", "thresholds": "x", "strategy": "x"}
    hashes |= {name: "x" for name in hashes if name.startswith("candles of")}
    type(b).objects.filter(pk=b.pk).update(certificate={**b.certificate, "hashes": hashes})

    changed = text_of(viewer.get(f"/simulations/compare/?a={a.pk}&b={b.pk}"))
    shorter = text_of(viewer.get(f"/simulations/compare/?a={a.pk}&b={c.pk}"))

    assert "were stored again between the two runs" in changed
    assert "different versions of the engine" in changed
    assert "different thresholds" in changed
    assert "code has changed" in changed
    assert "Stretch: 2024-03-01" in shorter
    assert "stored again" not in shorter


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("", 200, "Tick two simulations in the list"),
        ("?a=1&b=x", 422, "Tick two simulations in the list"),
        ("?run=1", 422, "one was ticked"),
        ("?run=1&run=2&run=3", 422, "3 were ticked"),
        ("?a=1&b=1", 422, "one and the same"),
        ("?a=999998&b=999999", 404, "There is no simulation 999998."),
    ],
)
def test_what_can_not_be_compared_is_said_plainly(
    viewer: Client, query: str, status: int, words: str
) -> None:
    response = viewer.get(f"/simulations/compare/{query}")

    assert response.status_code == status
    assert words in text_of(response)


def test_one_that_still_runs_has_nothing_to_compare(viewer: Client) -> None:
    a, running = finished(), start(params={"fast": 9, "slow": 22})

    response = viewer.get(f"/simulations/compare/?a={a.pk}&b={running.pk}")

    assert response.status_code == 409
    assert f"Simulation {running.pk} has no report" in text_of(response)


def test_less_of_a_loss_is_better_and_more_trades_are_not() -> None:
    assert better_of("max_drawdown", 0.1, 0.2) == "A"
    assert better_of("sharpe", 1.0, 2.0) == "B"
    assert better_of("var_95", -0.05, -0.02) == "B"
    assert better_of("trades", 5, 9) == better_of("sharpe", None, 1.0) == ""
    assert better_of("sharpe", 1.0, 1.0) == ""


def test_only_known_metrics_are_called_better_and_none_both_ways() -> None:
    assert set(metrics.DEFINITIONS) >= HIGHER_IS_BETTER | LOWER_IS_BETTER
    assert not HIGHER_IS_BETTER & LOWER_IS_BETTER


def test_a_threshold_that_only_tells_from_nothing_is_shown_as_nothing() -> None:
    assert significant(1e-12) == "0"
