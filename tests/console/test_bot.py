"""One bot in detail: what it decided and why, what came of it, how it may be changed."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from tests.console.pages import body, command, fragment, is_fragment, text_of
from tests.trading.factories import MIDNIGHT_MS, make_bot, make_replay, make_symbol, run
from trading.models import Bot

CLOSES = [100, 101, 102, 103, 104, 105]


@pytest.fixture
def bot(db: None) -> Bot:
    """A replay that bought at the first close and held."""
    return run(make_replay(CLOSES))


def test_the_page_tells_results_and_the_last_decision(viewer: Client, bot: Bot) -> None:
    text = text_of(viewer.get(f"/bots/{bot.pk}/"))

    assert "Finished Replay" in text
    assert "Hold In position, no exit signal." in text
    assert "Round trips 0 none closed yet" in text


def test_a_bot_that_is_not_there_is_not_found(viewer: Client, db: None) -> None:
    response = viewer.get("/bots/99/")

    assert response.status_code == 404
    assert "BOT_UNKNOWN" in text_of(response)


@pytest.mark.parametrize("part", ["bot-head", "bot-figures", "bot-side", "bot-tab"])
def test_each_part_reads_itself_again_alone(viewer: Client, bot: Bot, part: str) -> None:
    response = fragment(viewer, f"/bots/{bot.pk}/", part)

    assert is_fragment(response)
    assert f'id="{part}"' in body(response)


def test_decisions_are_listed_newest_first_with_reasons(viewer: Client, bot: Bot) -> None:
    text = text_of(fragment(viewer, f"/bots/{bot.pk}/?tab=decisions", "bot-tab"))

    assert "2024-01-01 00:30 BTC/USDT v1 Hold In position, no exit signal" in text
    assert "Enter Entry signal" in text


def test_decisions_are_filtered_by_action(viewer: Client, bot: Bot) -> None:
    text = text_of(fragment(viewer, f"/bots/{bot.pk}/?tab=decisions&action=ENTER", "bot-tab"))

    assert "Entry signal" in text
    assert "no exit signal" not in text


@pytest.mark.parametrize(
    ("tab", "words"),
    [("orders", "claimed"), ("fills", "taker"), ("trades", "entry signal")],
)
def test_each_record_has_its_tab(viewer: Client, bot: Bot, tab: str, words: str) -> None:
    assert words in text_of(fragment(viewer, f"/bots/{bot.pk}/?tab={tab}", "bot-tab"))


def test_a_made_up_tab_shows_the_decisions(viewer: Client, bot: Bot) -> None:
    assert "Entry signal" in text_of(viewer.get(f"/bots/{bot.pk}/?tab=rubbish"))


@pytest.mark.parametrize(
    ("what", "header"),
    [
        ("decisions", "candle_close_ms,symbol,action,reason"),
        ("fills", "at,symbol,side,qty,price"),
        ("trades", "opened_at,closed_at,symbol,status"),
    ],
)
def test_records_are_taken_away_as_csv(viewer: Client, bot: Bot, what: str, header: str) -> None:
    response = viewer.get(f"/bots/{bot.pk}/{what}.csv")

    assert response["Content-Type"].startswith("text/csv")
    assert body(response).startswith(header)
    assert len(body(response).splitlines()) > 1


def test_the_chart_ends_where_the_replay_has_got_to(viewer: Client, bot: Bot) -> None:
    symbol = bot.symbols.get()
    bot.botsymbol_set.update(decided_ms=MIDNIGHT_MS + 3 * 300_000)

    response = viewer.get(f"/charts/candles/{bot.pk}/{symbol.pk}/")

    assert [row[4] for row in json.loads(response.content)["candles"]] == [100, 101, 102]


def test_the_chart_marks_fills_from_a_moment_on(viewer: Client, bot: Bot) -> None:
    url = f"/charts/fills/{bot.pk}/{bot.symbols.get().pk}/"

    fills = json.loads(viewer.get(url).content)["fills"]
    later = json.loads(viewer.get(f"{url}?from={fills[-1]['at_ms'] + 1}").content)["fills"]

    assert [fill["side"] for fill in fills] == ["BUY"]
    assert later == []


def test_the_curve_has_one_point_a_second_at_most(viewer: Client, bot: Bot) -> None:
    curve = json.loads(viewer.get(f"/charts/equity/{bot.pk}/").content)
    times = [ms for ms, _, _ in curve["points"]]

    assert times
    assert curve["start"] == 10_000
    assert times == sorted(set(times))
    assert all(ms % 1000 == 0 for ms in times)


def test_knobs_are_turned_and_noted(operator: Client, bot: Bot) -> None:
    form = {f"knobs-{name}": value for name, value in bot.knobs.items()}

    response = command(operator, f"/bots/{bot.pk}/knobs/", **{**form, "knobs-max_exposure": "0.25"})

    bot.refresh_from_db()
    assert response.status_code == 200
    assert bot.knobs["max_exposure"] == "0.25"


def test_a_knob_out_of_bounds_is_refused_next_to_its_field(operator: Client, bot: Bot) -> None:
    form = {f"knobs-{name}": value for name, value in bot.knobs.items()}
    changed = {**form, "knobs-max_exposure": "7", "knobs-slippage_bps": "3"}
    url = f"/bots/{bot.pk}/knobs/"

    response = operator.post(url, changed, headers={"HX-Request": "true", "HX-Target": "bot-tab"})

    assert response.status_code == 422
    assert "less than or equal to 1" in text_of(response)
    assert 'value="7"' in body(response)
    assert 'value="3"' in body(response)


def test_a_viewer_reads_the_knobs_and_can_not_turn_them(viewer: Client, bot: Bot) -> None:
    html = body(viewer.get(f"/bots/{bot.pk}/?tab=settings"))

    assert "Max exposure" in html
    assert "Save the knobs" not in html


def test_an_empty_name_is_refused(operator: Client, bot: Bot) -> None:
    response = command(operator, f"/bots/{bot.pk}/rename/", name=" ")

    assert response.status_code == 400
    assert "BOT_INVALID" in text_of(response)


def test_one_cycle_runs_by_hand(operator: Client) -> None:
    bot = make_bot(make_symbol())

    response = command(operator, f"/bots/{bot.pk}/cycle/")

    assert response.status_code == 200
    assert "One cycle ran" in text_of(response)


def test_a_failed_cycle_is_told_at_the_top(viewer: Client, bot: Bot) -> None:
    Bot.objects.update(last_error="ValueError: odd candle")

    text = text_of(viewer.get(f"/bots/{bot.pk}/"))

    assert "The last cycle failed; the bot tries again by itself. ValueError: odd candle" in text
