"""Every page stands in the same frame: state, navigation, rights, a strict content policy."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.console.conftest import SignIn
from tests.console.pages import body, fragment, is_fragment, text_of
from tests.trading.factories import NOW, bars, make_bot, make_candles, make_symbol
from trading import services
from trading.models import Bot, SystemState

PAGES = (
    "/",
    "/markets/",
    "/markets/recorded/BTC-USDT/",
    "/markets/dead-letters/",
    "/bots/",
    "/bots/new/",
    "/bots/{bot}/",
    "/bots/{bot}/?tab=orders",
    "/bots/{bot}/?tab=settings",
    "/strategies/",
    "/strategies/trend_ema/",
    "/simulations/",
    "/simulations/new/",
    "/simulations/compare/",
    "/searches/",
    "/searches/new/",
    "/bots/{bot}/live/",
    "/bots/{bot}/live/order/",
    "/live/",
    "/exchange-accounts/",
    "/exchange-accounts/new/",
    "/reconciliation/",
    "/orders/",
    "/fills/",
    "/positions/",
    "/trades/",
    "/jobs/",
    "/controls/",
    "/data-quality/",
    "/audit/",
    "/tokens/",
    "/accounts/password/",
)


@pytest.fixture
def bot(admin: Client) -> Bot:
    make_candles(make_symbol(), bars([100, 101, 102]))
    return make_bot(strategy="trend_ema")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_holds_nothing_that_the_content_policy_refuses(
    admin: Client, bot: Bot, page: str
) -> None:
    response = admin.get(page.format(bot=bot.pk))

    assert response.status_code == 200
    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert re.findall(r"<[^>]+\s(?:style|on\w+)=", body(response)) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)[^>]*>", body(response)) == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_one_heading_and_each_id_once(admin: Client, bot: Bot, page: str) -> None:
    html = body(admin.get(page.format(bot=bot.pk)))
    ids = re.findall(r"\sid=\"([^\"]+)\"", html)

    assert len(re.findall(r"<h1\b", html)) == 1
    assert sorted({name for name in ids if ids.count(name) > 1}) == []


def test_a_stranger_is_sent_to_the_login_page(client: Client, db: None) -> None:
    response = client.get("/bots/")

    assert (response.status_code, response.url) == (302, "/accounts/login/?next=/bots/")  # type: ignore[attr-defined]


def test_an_account_without_a_role_sees_a_page_that_says_so(sign_in: SignIn) -> None:
    response = sign_in("").get("/")

    assert response.status_code == 403
    assert "Your role does not allow this." in text_of(response)


def test_simulated_prices_are_labelled_on_every_page(viewer: Client) -> None:
    assert "SIMULATED" in text_of(viewer.get("/orders/"))


def test_the_state_is_shown_and_reads_itself_again(viewer: Client) -> None:
    SystemState.objects.update(state="PAUSED", reason="lunch")

    response = fragment(viewer, "/system/state/", "system-state")

    assert is_fragment(response)
    assert text_of(response) == "PAUSED"


def test_the_place_where_one_is_is_marked(viewer: Client) -> None:
    html = body(viewer.get("/markets/"))
    current = re.findall(r"href=\"([^\"]+)\"[^>]*?aria-current=\"page\"", html)

    assert set(current) == {"/markets/"}


@pytest.mark.parametrize(("role", "shown"), [("viewer", False), ("operator", True)])
def test_the_stop_button_is_for_those_who_may_stop(sign_in: SignIn, role: str, shown: bool) -> None:
    assert ('id="stop-dialog"' in body(sign_in(role).get("/"))) is shown


def test_the_chosen_theme_comes_with_the_page(viewer: Client) -> None:
    viewer.cookies["theme"] = "light"

    assert 'data-theme="light"' in body(viewer.get("/"))


def test_a_made_up_theme_is_ignored(viewer: Client) -> None:
    viewer.cookies["theme"] = '"><script>'

    assert "data-theme" not in body(viewer.get("/"))


def test_going_back_in_the_browser_gets_the_page_and_not_its_fragment(viewer: Client) -> None:
    headers = {
        "HX-Request": "true",
        "HX-Target": "orders",
        "HX-History-Restore-Request": "true",
    }

    response = viewer.get("/orders/", headers=headers)

    assert not is_fragment(response)
    assert "HX-Request" in response["Vary"]


def test_a_page_that_is_not_there_says_so(viewer: Client) -> None:
    response = viewer.get("/nowhere/")

    assert response.status_code == 404
    assert "There is nothing here." in text_of(response)


def test_people_see_their_role(sign_in: SignIn) -> None:
    assert "<b>operator</b>operator" in body(sign_in("operator").get("/")).replace("\n", "")


def test_a_notice_after_a_redirect_is_shown_once(operator: Client) -> None:
    bot = make_bot()
    services.ensure_system_state(now=NOW)

    operator.post(f"/bots/{bot.pk}/rename/", {"name": "Other"})

    assert "Its name is Other now." in text_of(operator.get("/bots/"))
    assert "Its name is Other now." not in text_of(operator.get("/bots/"))
