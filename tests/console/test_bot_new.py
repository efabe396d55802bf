"""The wizard: checked on the server at each step, nothing lost, nothing made before the end."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client

from strategies.services import sync_strategies
from tests.console.pages import body, text_of
from tests.trading.factories import NOW, bars, make_candles, make_symbol
from trading.models import Bot

URL = "/bots/new/"


class Form(HTMLParser):
    """The wizard's fields as a browser would send them back."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.data = QueryDict(mutable=True)
        self._inside = False
        self._select = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._inside = given.get("id") == "wizard"
        if not self._inside:
            return
        if tag == "select":
            self._select = given["name"] or ""
        elif tag == "option" and "selected" in given:
            self.data.appendlist(self._select, given["value"] or "")
        elif tag == "input" and "name" in given:
            kind = given.get("type", "text")
            if kind not in {"checkbox", "radio"} or "checked" in given:
                self.data.appendlist(given["name"] or "", given.get("value") or "")


class Wizard:
    """Somebody who fills it in."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.response: Any = client.get(URL)

    def send(self, button: str = "go", value: str = "", **answers: Any) -> Wizard:
        data = Form(body(self.response)).data
        for name, answer in answers.items():
            data.setlist(
                name.replace("__", "-", 1), answer if isinstance(answer, list) else [answer]
            )
        data[button] = value
        self.response = self.client.post(
            URL,
            data.urlencode(),
            content_type="application/x-www-form-urlencoded",
            headers={"HX-Request": "true", "HX-Target": "wizard"},
        )
        return self

    @property
    def text(self) -> str:
        return text_of(self.response)

    @property
    def data(self) -> QueryDict:
        return Form(body(self.response)).data


@pytest.fixture
def wizard(operator: Client) -> Wizard:
    sync_strategies(now=NOW)
    make_candles(make_symbol(), bars([100, 101, 102]))
    return Wizard(operator)


def _to_market(wizard: Wizard) -> Wizard:
    return wizard.send(strategy__strategy="trend_ema").send(params__fast="9")


def _to_review(wizard: Wizard) -> Wizard:
    symbol = make_symbol()
    _to_market(wizard).send(market__symbols=[str(symbol.pk)], market__timeframe="5m")
    return wizard.send(source__source="replay").send()


def test_it_begins_with_the_strategies(wizard: Wizard) -> None:
    assert "What should it do?" in wizard.text
    assert "EMA trend" in wizard.text


def test_a_strategy_can_be_chosen_by_the_link_that_leads_here(
    operator: Client, wizard: Wizard
) -> None:
    html = body(operator.get(f"{URL}?strategy=sma_cross"))

    assert Form(html).data["strategy-strategy"] == "sma_cross"


def test_without_a_strategy_it_does_not_go_on(wizard: Wizard) -> None:
    wizard.send()

    assert wizard.response.status_code == 422
    assert "Choose a strategy." in wizard.text


def test_parameters_begin_as_the_active_version_s(wizard: Wizard) -> None:
    wizard.send(strategy__strategy="trend_ema")

    assert (wizard.data["params-fast"], wizard.data["params-slow"]) == ("12", "26")
    assert "2 to 200 bars." in wizard.text


def test_a_wrong_parameter_is_shown_next_to_it_and_nothing_is_lost(wizard: Wizard) -> None:
    wizard.send(strategy__strategy="trend_ema").send(params__fast="9999", params__slow="77")

    assert wizard.response.status_code == 422
    assert "less than or equal to 200" in wizard.text
    assert (wizard.data["params-fast"], wizard.data["params-slow"]) == ("9999", "77")


def test_rules_between_parameters_are_the_model_s_own(wizard: Wizard) -> None:
    wizard.send(strategy__strategy="trend_ema").send(params__fast="30", params__slow="20")

    assert "Must be above the fast period." in wizard.text


def test_no_symbol_is_no_bot(wizard: Wizard) -> None:
    _to_market(wizard).send()

    assert "Choose at least one symbol." in wizard.text


def test_symbols_of_two_quotes_can_not_share_cash(wizard: Wizard) -> None:
    other = make_symbol("ETH/BTC")
    make_candles(other, bars([1, 2]))
    ids = [str(make_symbol().pk), str(other.pk)]

    _to_market(wizard).send(market__symbols=ids)

    assert "one exchange and one quote asset" in wizard.text
    assert wizard.data.getlist("market-symbols") == ids


def test_a_replay_is_offered_the_stored_stretch(wizard: Wizard) -> None:
    _to_market(wizard).send(market__symbols=[str(make_symbol().pk)], market__timeframe="5m")

    assert "2024-01-01 00:00 to 2024-01-01 00:10 UTC" in wizard.text
    assert wizard.data["source-replay_from"] == "2024-01-01T00:00"


def test_a_replay_ends_after_it_starts(wizard: Wizard) -> None:
    _to_market(wizard).send(market__symbols=[str(make_symbol().pk)])

    wizard.send(
        source__source="replay",
        source__replay_from="2024-02-01T00:00",
        source__replay_to="2024-01-01T00:00",
    )

    assert "The end must come after the start." in wizard.text


def test_one_can_go_back_and_find_everything_as_it_was(wizard: Wizard) -> None:
    _to_review(wizard).send(value="params")

    assert "Parameters of trend_ema" in wizard.text
    assert wizard.data["params-fast"] == "9"
    assert "All in order?" in wizard.send(value="review").text


def test_another_strategy_has_other_parameters_to_answer(wizard: Wizard) -> None:
    _to_review(wizard).send(value="strategy").send(strategy__strategy="rsi_reversion")

    assert "Parameters of rsi_reversion" in wizard.text
    assert "params-fast" not in wizard.data


def test_one_can_not_jump_over_a_step(wizard: Wizard) -> None:
    wizard.send(value="review", strategy__strategy="trend_ema")

    assert "Parameters of trend_ema" in wizard.text


def test_the_review_suggests_a_name_and_sums_up(wizard: Wizard) -> None:
    _to_review(wizard)

    assert wizard.data["review-name"] == "EMA trend BTC 5m"
    assert "Fast EMA 9" in wizard.text
    assert "Source Replay" in wizard.text


def test_a_live_bot_without_candles_is_warned_before_it_is_made(wizard: Wizard) -> None:
    _to_market(wizard).send(market__symbols=[str(make_symbol().pk)], market__timeframe="5m")

    wizard.send(source__source="live").send()

    assert "It can't start yet: its candles are not all there." in wizard.text


def test_nothing_is_made_before_the_end(wizard: Wizard) -> None:
    _to_review(wizard)

    assert not Bot.objects.exists()


def test_the_last_step_makes_the_bot_with_all_answers(wizard: Wizard) -> None:
    _to_review(wizard).send("create", "stopped", review__name="Rosa")

    bot = Bot.objects.get()
    assert wizard.response["HX-Redirect"] == f"/bots/{bot.pk}/"
    assert (bot.name, bot.timeframe, bot.is_replay) == ("Rosa", "5m", True)
    assert bot.version.params["fast"] == 9
    assert bot.version.number == 2


def test_it_can_be_started_at_once(wizard: Wizard) -> None:
    _to_review(wizard).send("create", "start", review__name="Rosa")

    assert Bot.objects.get().is_running


def test_without_a_name_it_is_not_made(wizard: Wizard) -> None:
    _to_review(wizard).send("create", "start", review__name="")

    assert "This field is required." in wizard.text
    assert not Bot.objects.exists()


def test_it_works_without_scripts(operator: Client, wizard: Wizard) -> None:
    data = {"step": "strategy", "strategy-strategy": "trend_ema", "go": ""}

    response = operator.post(URL, data)

    assert "<html" in body(response)
    assert "Parameters of trend_ema" in text_of(response)


def test_a_viewer_makes_no_bot(viewer: Client) -> None:
    assert viewer.get(URL).status_code == 403
    assert viewer.post(URL, {"create": "start"}).status_code == 403
