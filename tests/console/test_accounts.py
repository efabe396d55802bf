"""Exchange accounts on pages: what a key may do is shown, the key never is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from tests.console.conftest import SignIn
from tests.console.pages import body, command, fragment, text_of
from tests.exchange.emulator import Emulator
from tests.trading.factories import make_account
from tests.trading.live_desk import set_env
from trading.models import AuditEvent, ExchangeAccount

KEYS = {"key": "exchange-key-0123456789", "secret": "exchange-secret-0123456789"}
URL = "/exchange-accounts/"


@pytest.fixture
def emulator(settings: Settings) -> Iterator[Emulator]:
    cache.clear()
    with Emulator("binance") as emulator:
        set_env(settings, binance_base_url=emulator.url)
        yield emulator


def add(client: Client, **changes: Any) -> Any:
    return client.post(f"{URL}new/", {"name": "main", "exchange": "binance", **KEYS, **changes})


def test_without_accounts_the_page_says_what_they_are_for(sign_in: SignIn) -> None:
    assert "Add an account" in text_of(sign_in("admin").get(URL))
    viewer = text_of(sign_in("viewer").get(URL))
    assert "Bots trade on paper." in viewer
    assert "Add an account" not in viewer


def test_an_added_account_buys_nothing_until_it_is_checked_and_limited(admin: Client) -> None:
    answer = add(admin)

    account = ExchangeAccount.objects.get()
    assert answer.url == f"{URL}{account.pk}/"
    text = text_of(admin.get(answer.url))
    assert "The account was never checked." in text
    assert "nothing: no symbol is allowed" in text
    assert "key …6789" in text


def test_no_page_and_no_audit_event_holds_a_key(admin: Client) -> None:
    add(admin)
    account = ExchangeAccount.objects.get()
    command(admin, f"{URL}{account.pk}/key/", **{name: f"{KEYS[name]}-2" for name in KEYS})

    pages = [admin.get(url) for url in (URL, f"{URL}{account.pk}/", f"{URL}new/", "/audit/")]
    pages += [admin.get("/audit/export.json"), admin.get("/live/")]
    events = str(list(AuditEvent.objects.values_list("before", "after", "reason")))

    texts = [*(body(page) for page in pages), events]
    assert all(value not in text for text in texts for value in KEYS.values())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"secret": "t1ny"}, "8 to 256 plain characters."),
        ({"exchange": "kraken"}, "Select a valid choice."),
    ],
)
def test_a_wrong_field_keeps_what_was_typed_but_sends_no_secret_back(
    admin: Client, changes: dict[str, str], said: str
) -> None:
    answer = add(admin, **changes)

    html = body(answer)
    assert (answer.status_code, said in text_of(answer)) == (422, True)
    assert changes.get("name") == "" or 'value="main"' in html
    assert KEYS["key"] not in html
    assert "t1ny" not in html
    # htmx leaves the elements in the page with what was typed into them.
    assert html.count("hx-preserve") == 2


def test_a_check_shows_what_the_key_may_do(admin: Client, emulator: Emulator) -> None:
    account = make_account(key=emulator.key.key, secret=emulator.key.secret)
    ExchangeAccount.objects.update(checked_at=None, may_trade=None, may_withdraw=None)

    answer = command(admin, f"{URL}{account.pk}/check/")

    assert text_of(answer) == "main answers, and its key may trade."
    state = text_of(fragment(admin, f"{URL}{account.pk}/", "account-state"))
    assert "May trade spot yes" in state
    assert "May withdraw no" in state
    assert "Ready" in state


def test_a_key_that_may_withdraw_is_refused_in_words(admin: Client) -> None:
    make_account()
    ExchangeAccount.objects.update(may_withdraw=True)

    text = text_of(admin.get(URL))

    assert "yes: refused" in text
    assert "Make a key without that right." in text
    assert "Buys nothing" in text


def test_an_exchange_that_is_away_changes_nothing(admin: Client, emulator: Emulator) -> None:
    account = make_account(key=emulator.key.key, secret=emulator.key.secret)
    emulator.go_down()

    answer = command(admin, f"{URL}{account.pk}/check/")

    assert (answer.status_code, answer["HX-Retarget"]) == (503, "#notices")
    assert ExchangeAccount.objects.get().may_trade is True


def test_limits_are_set_in_the_words_of_people(admin: Client) -> None:
    account = make_account()
    given = {"symbols": "btc/usdt, eth/usdt", "max_order": "100", "max_exposure": "250"}

    command(admin, f"{URL}{account.pk}/limits/", **given)

    account.refresh_from_db()
    assert account.symbols == ["BTC/USDT", "ETH/USDT"]
    text = text_of(admin.get(f"{URL}{account.pk}/"))
    assert "Most in one order 100 Most in all 250" in text


def test_limits_that_make_no_sense_keep_what_was_typed(admin: Client) -> None:
    account = make_account()
    given = {"symbols": "BTC/USDT, ETH/BTC", "max_order": "100", "max_exposure": "250"}

    answer = admin.post(f"{URL}{account.pk}/limits/", given)

    assert answer.status_code == 422
    assert "All need one quote asset" in text_of(answer)
    assert 'value="BTC/USDT, ETH/BTC"' in body(answer)


def test_it_is_switched_off_and_on_and_removed(admin: Client) -> None:
    account = make_account()

    command(admin, f"{URL}{account.pk}/switch/")
    assert not ExchangeAccount.objects.get().enabled
    command(admin, f"{URL}{account.pk}/switch/", enabled="on")
    assert ExchangeAccount.objects.get().enabled
    command(admin, f"{URL}{account.pk}/remove/")

    assert ExchangeAccount.objects.get().sealed_secret == ""
    assert admin.get(f"{URL}{account.pk}/").status_code == 404


@pytest.mark.parametrize("verb", ["switch", "limits", "key", "remove"])
def test_an_operator_looks_and_checks_only(operator: Client, verb: str) -> None:
    account = make_account()
    html = body(operator.get(f"{URL}{account.pk}/"))

    assert operator.post(f"{URL}{account.pk}/{verb}/").status_code == 403
    assert f"/{verb}/" not in html
    assert "/check/" in html
