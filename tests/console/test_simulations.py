"""Simulations on pages: the list, a new one, the tear sheet, its files."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from config import clock
from marketdata.models import Symbol
from marketdata.timeframes import Timeframe
from tests.console.pages import body, fragment, is_fragment, text_of
from tests.scenarios.replays import NOW
from tests.trading.simulating import finished, start
from trading import queries, services
from trading.models import Simulation
from trading.pictures import bars, curves
from trading.simulation_pages import month_rows, shade
from trading.trade_pages import overview_of, trade_table

DAY_MS = 86_400_000


@pytest.fixture(autouse=True)
def own_artifacts(tmp_path: Path, settings: Any) -> None:
    settings.STATE_DIR = tmp_path


def test_the_list_says_what_a_simulation_is_for_while_there_is_none(operator: Client) -> None:
    assert "No simulation here yet" in text_of(operator.get("/simulations/"))


def test_the_list_shows_verdicts_and_what_still_runs(viewer: Client) -> None:
    done, running = finished(), start(params={"fast": 9, "slow": 22})

    words = text_of(viewer.get("/simulations/"))

    assert f"{done.version.strategy.title} v2" in words
    assert done.get_verdict_display().capitalize() in words
    assert "0 %" in words
    assert running.job.status == "QUEUED"
    assert "No simulation" in text_of(viewer.get("/simulations/?strategy=sma_cross"))


def test_the_tear_sheet_shows_checks_metrics_trades_and_what_it_rests_on(viewer: Client) -> None:
    row = finished()

    response = viewer.get(f"/simulations/{row.pk}/")

    words = text_of(response)
    for part in ("Deflated Sharpe ratio", "Walk forward", "Neighbours", "Buy and hold", "Months"):
        assert part in words
    assert f"python manage.py reproduce {row.pk}" in words
    assert row.report_hash in body(response)
    assert "<polyline" in body(response)
    assert "style=" not in body(response).split("<main", 1)[1]


def test_a_running_one_shows_its_progress_and_then_reads_itself_again(viewer: Client) -> None:
    row = start()

    page = body(viewer.get(f"/simulations/{row.pk}/"))

    assert f'job-id="{row.job_id}"' in page
    assert "every 3s" in page


def test_a_failed_one_says_why(viewer: Client) -> None:
    row = start(from_ms=1_000_000_000_000, to_ms=1_000_100_000_000)
    services.run_job(job_id=row.job_id, now=NOW)

    assert "0 candles are stored" in text_of(viewer.get(f"/simulations/{row.pk}/"))


def test_an_operator_starts_one_from_the_form(operator: Client) -> None:
    known = start()
    form = operator.get("/simulations/new/?strategy=trend_ema_fast").context["new"]
    data: dict[str, Any] = {
        f"params-{name}": field.initial if field.initial is not None else ""
        for name, field in form.params.fields.items()
    }
    data |= {f"params-{name}": value for name, value in form.params.initial.items()}
    data |= {
        "strategy": "trend_ema_fast",
        "params-fast": 7,
        "symbols": [form.plan.fields["symbols"].queryset.get().pk],
        "timeframe": "5m",
        "start": "2024-03-01T00:00",
        "end": "2024-03-06T00:00",
        "starting_cash": "5000",
        "oos_share": "40",
        "fill_at": "same_close",
        "start_run": "1",
    }

    refused = operator.post("/simulations/new/", {**data, "end": "2024-02-01T00:00"})
    made = operator.post("/simulations/new/", data)

    assert refused.status_code == 422
    assert "The end must come after the start." in text_of(refused)
    row = Simulation.objects.exclude(pk=known.pk).get()
    assert made.headers["Location"] == f"/simulations/{row.pk}/"
    assert (row.version.params["fast"], row.oos_share, row.fill_at) == (7, 0.4, "same_close")
    assert row.starting_cash == 5000


def test_the_form_begins_with_the_newest_days_that_are_stored(operator: Client) -> None:
    row = start()

    plain = operator.get("/simulations/new/").context["new"].plan.initial
    asked = operator.get(f"/simulations/new/?timeframe=1h&from_ms={row.from_ms}&to_ms={row.to_ms}")

    assert (plain["timeframe"], clock.to_ms(plain["end"])) == ("5m", row.to_ms)
    assert plain["end"] - plain["start"] == timedelta(days=30)
    assert asked.context["new"].plan.initial["timeframe"] == "1h"
    assert clock.to_ms(asked.context["new"].plan.initial["start"]) == row.from_ms


def test_another_strategy_asks_for_its_own_parameters(operator: Client) -> None:
    start()

    assert "Slow EMA" in text_of(operator.get("/simulations/new/?strategy=trend_ema"))
    assert "Slow EMA" not in text_of(operator.get("/simulations/new/?strategy=buy_and_hold"))


def test_the_file_opens_without_the_console(viewer: Client) -> None:
    row = finished()

    file = viewer.get(f"/simulations/{row.pk}/export.html")

    assert "attachment" in file.headers["Content-Disposition"]
    assert "Deflated Sharpe ratio" in text_of(file)
    assert "<link" not in body(file)


def test_the_sheet_shows_its_fills_on_the_candles_of_the_stretch(viewer: Client) -> None:
    row = finished()
    symbol = Symbol.objects.get(name="BTC/USDT")

    html = body(viewer.get(f"/simulations/{row.pk}/"))
    fills = viewer.get(f"/charts/simulations/{row.pk}/{symbol.pk}/").json()["fills"]
    report = queries.report_of(row)["candidate"]["fills"]

    assert f'markers-src="/charts/simulations/{row.pk}/{symbol.pk}/"' in html
    assert f'from-ms="{row.from_ms}"' in html
    assert [fill["at_ms"] for fill in fills] == [fill["at_ms"] for fill in report]
    assert set(fills[0]) == {"at_ms", "side", "qty", "price"}


def test_a_chart_of_merged_candles_gets_one_marker_for_each_side_of_each_candle(
    viewer: Client,
) -> None:
    row = finished()
    symbol = Symbol.objects.get(name="BTC/USDT")
    url = f"/charts/simulations/{row.pk}/{symbol.pk}/?merge={DAY_MS}"

    fills = viewer.get(url).json()["fills"]
    last_ms = fills[-1]["at_ms"]
    later = viewer.get(f"{url}&from={last_ms}").json()["fills"]

    places = [(fill["at_ms"] // DAY_MS, fill["side"]) for fill in fills]
    assert len(places) == len(set(places)) > 1
    assert fills[-1] in later
    assert all(fill["at_ms"] >= last_ms for fill in later)


@pytest.mark.parametrize(
    ("days", "timeframe", "expected"),
    [
        (1, Timeframe.M1, (None, None)),
        (5, Timeframe.M5, (None, None)),
        (7, Timeframe.M5, ("15 min", 900_000)),
        (4 * 365, Timeframe.H1, ("1 d", DAY_MS)),
        (695, Timeframe.M1, ("12 h", DAY_MS // 2)),
        (100 * 365, Timeframe.H1, ("7 d", 7 * DAY_MS)),
        (9_000, Timeframe.D1, ("7 d", 7 * DAY_MS)),
    ],
)
def test_a_long_stretch_begins_with_candles_of_which_all_fit(
    days: int, timeframe: Timeframe, expected: tuple[str | None, int | None]
) -> None:
    assert overview_of(0, days * DAY_MS, timeframe) == expected


def test_a_chart_of_a_symbol_that_is_gone_says_so(viewer: Client) -> None:
    row = finished()
    Simulation.objects.filter(pk=row.pk).update(symbols=["recorded:OLD/USDT"])

    assert "The symbol is no longer known here" in text_of(viewer.get(f"/simulations/{row.pk}/"))


def test_trades_are_sorted_by_any_column_and_paged_in_a_fragment(viewer: Client) -> None:
    row = finished()
    trades = queries.report_of(row)["candidate"]["trades"]
    url = f"/simulations/{row.pk}/?sort=pnl"

    part = fragment(viewer, url, "simulation-trades")

    assert is_fragment(part)
    assert 'aria-sort="ascending"' in body(part)
    assert f'href="/simulations/{row.pk}/export.trades.csv"' in body(part)
    shown = part.context["table"]().page.object_list
    assert [one["pnl"] for one in shown] == sorted(one["pnl"] for one in trades)[:50]
    assert "Trades on the candles" in text_of(viewer.get(url))


def test_an_unknown_order_of_trades_is_the_newest_first() -> None:
    trades = [{"closed_ms": at, "opened_ms": 0, "pnl": pnl} for at, pnl in [(1, 5), (2, 5), (3, 1)]]

    plain = trade_table(trades, {"sort": "color"})
    dearest = trade_table(trades, {"sort": "-pnl"})

    assert [one["closed_ms"] for one in plain.page.object_list] == [3, 2, 1]
    assert [one["closed_ms"] for one in dearest.page.object_list] == [2, 1, 3]
    assert plain.sort == "-closed"


def test_months_are_coloured_by_size_and_years_compounded() -> None:
    rows = month_rows([[2023, 12, 0.1], [2024, 1, 0.1], [2024, 2, -0.1]])

    assert [row["year"] for row in rows] == [2024, 2023]
    assert rows[0]["total"] == pytest.approx(1.1 * 0.9 - 1)
    assert [shade(value) for value in (0.01, 0.03, 0.2, -0.06, None, 0.0)] == [
        "up-1",
        "up-2",
        "up-4",
        "down-3",
        "",
        "",
    ]


def test_pictures_of_nothing_are_none_and_of_something_fill_their_frame() -> None:
    assert curves([("a", "A", [])]) is None
    assert bars([], []) == []
    picture = curves([("a", "A", [(10, 1.0), (20, 3.0)])], split_ms=15)
    assert picture is not None
    assert picture.lines[0].points == "0.0,260.0 960.0,0.0"
    assert (picture.split, picture.outside) == (480.0, 480.0)
    assert [bar.loss for bar in bars([-1.0, 0.0, 1.0], [1, 2])] == [True, False]
