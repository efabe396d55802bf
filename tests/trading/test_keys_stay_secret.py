"""Keys of exchanges are in no table, log, error, report or administration in the clear."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.core.management import call_command
from django.core.signals import got_request_exception
from django.db import connection
from django.test import Client
from django.views.debug import ExceptionReporter
from pytest_django import Settings

from config import clock
from tests.api.factories import Api
from tests.exchange import faults
from tests.exchange.accounts import ApiKey
from tests.exchange.emulator import Emulator
from tests.trading.factories import make_account, make_user
from tests.trading.live_desk import make_live_desk, set_env
from trading import services
from trading.models import ExchangeAccount, LiveGrant
from trading.services.accounts import _accounts
from trading.services.accounts._brokers import broker_of

KEY, SECRET = "exchange-key-0123456789", "exchange-secret-0123456789"
PASSWORD = "secret"


@pytest.fixture
def emulator(transactional_db: None, clean_bus: None, settings: Settings) -> Iterator[Emulator]:
    cache.clear()
    with Emulator("binance", key=ApiKey(KEY, SECRET)) as emulator:
        set_env(settings, binance_base_url=emulator.url)
        yield emulator


def api_of(user: Any) -> Api:
    _, secret = services.create_token(
        user=user, name="tests", scope="write", days=1, now=clock.now()
    )
    api = Api(secret, user)
    api.client.raise_request_exception = False
    return api


def everything_stored() -> str:
    """Every row of every table as text."""
    with connection.cursor() as cursor:
        found = []
        for table in connection.introspection.table_names(cursor):
            name = connection.ops.quote_name(table)
            cursor.execute(f"SELECT * FROM {name}")  # noqa: S608
            found.append(str(cursor.fetchall()))
    return "\n".join(found)


def test_a_life_with_a_key_leaves_it_nowhere(
    emulator: Emulator, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    desk = make_live_desk(settings, key=KEY, secret=SECRET)
    api, operator = api_of(desk.approver), api_of(desk.asker)
    order = {"bot_id": desk.bot.pk, "symbol": "BTC/USDT", "side": "BUY", "qty": "0.001"}
    desk.go_live()
    answers = [
        api.post("accounts", {"name": "2", "exchange": "binance", "key": KEY, "secret": SECRET}),
        api.post("auth/confirm", {"password": PASSWORD}),
        api.post(f"accounts/{desk.account.pk}/check", key="c1"),
        api.post("trading/live/order", {**order, "dry_run": True}),
        api.post("trading/live/order", order, key="o1"),
    ]
    for spoil in (faults.status(401), faults.answer_lost, faults.truncated, faults.reset):
        emulator.fail(spoil, path="POST /api/v3/order")
        answers.append(api.post("trading/live/order", order))
        emulator.fail(spoil, path="GET ")
        answers.append(operator.post(f"accounts/{desk.account.pk}/check"))
        emulator.heal()
    answers += [api.get(path) for path in ("accounts", "audit", "orders", "grants", "schema")]

    out = capfd.readouterr()
    for text in (*(answer.content.decode() for answer in answers), out.out, out.err):
        assert KEY not in text
        assert SECRET not in text
    stored = everything_stored()
    assert "cs-" in stored
    assert KEY not in stored
    assert SECRET not in stored


@pytest.mark.parametrize("door", ["api", "page", "key"])
def test_a_bug_reports_no_secret(
    door: str,
    db: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    account, user = make_account(), make_user("admin")
    reports: list[str] = []

    def report(request: Any, **_: Any) -> None:
        reporter = ExceptionReporter(request, *sys.exc_info())
        reports.extend((reporter.get_traceback_text(), reporter.get_traceback_html()))

    def broken(**_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(_accounts, "record", broken)
    monkeypatch.setattr(_accounts, "_record", lambda *_: broken())
    got_request_exception.connect(report)
    browser = Client(raise_request_exception=False)
    browser.force_login(user)
    secrets = {"key": KEY, "secret": SECRET}
    named = {"name": "2", "exchange": "bybit", **secrets}
    try:
        if door == "api":
            answer = api_of(user).post("accounts", named)
        elif door == "key":
            answer = browser.post(f"/exchange-accounts/{account.pk}/key/", secrets)
        else:
            answer = browser.post("/exchange-accounts/new/", named)
    finally:
        got_request_exception.disconnect(report)

    assert answer.status_code == 500
    assert "a bug" in reports[0]
    out = capfd.readouterr()
    for text in (*reports, out.out, out.err, answer.content.decode()):
        assert SECRET not in text


def test_texts_of_an_account_and_its_broker_hold_no_secret(db: None) -> None:
    account = make_account(key=KEY, secret=SECRET)
    opened = _accounts.credentials_of(account)

    texts = [repr(account), str(account), repr(opened), str(opened), repr(broker_of(account))]

    assert all(SECRET not in text and KEY not in text for text in texts)


def test_the_administration_knows_no_accounts_and_no_grants() -> None:
    assert {ExchangeAccount, LiveGrant}.isdisjoint(admin.site._registry)


def test_seals_are_turned_while_the_keys_stay_what_they_were(db: None) -> None:
    account = make_account(key=KEY, secret=SECRET)
    before, out = account.sealed_secret, StringIO()

    call_command("rotate_seals", stdout=out)

    account.refresh_from_db()
    assert account.sealed_secret != before
    assert _accounts.credentials_of(account).secret == SECRET
    assert "1 accounts" in out.getvalue()
