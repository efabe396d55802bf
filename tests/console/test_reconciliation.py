"""Reconciliation on pages: how accounts stand, what differs, and a person who says what it is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from config import clock
from tests.console.pages import body, command, fragment, is_fragment, text_of
from tests.trading.factories import (
    make_account,
    make_bot,
    make_incident,
    make_order,
    make_reconcile_run,
    make_symbol,
)
from trading.models import (
    AuditEvent,
    BalanceAdjustment,
    Bot,
    ExchangeAccount,
    Incident,
    Reconciliation,
)

URL = "/reconciliation/"
ORDER = {
    "client_order_id": "web_1",
    "exchange_order_id": "9",
    "symbol": "BTC/USDT",
    "buy": True,
    "qty": "0.002",
    "price": "38000",
    "filled_qty": "0",
    "status": "OPEN",
    "updated_ms": 1,
}


@pytest.fixture
def account(db: None) -> ExchangeAccount:
    account = make_account()
    bot = make_bot(make_symbol(exchange="binance"), name="Live one")
    Bot.objects.filter(pk=bot.pk).update(paper_mode=False, account=account)
    return account


def test_without_accounts_it_says_that_paper_has_nothing_to_differ_from(viewer: Client) -> None:
    text = text_of(viewer.get(URL))

    assert "Nothing to reconcile" in text
    assert "Nothing ever differed" in text


def test_an_account_shows_its_last_cycle_and_how_many_agreed(
    viewer: Client, account: ExchangeAccount
) -> None:
    make_reconcile_run(account, "ABORTED", error="binance didn't answer")
    make_reconcile_run(account, "DIFFERENT", differences=1)
    make_reconcile_run(account, fills_booked=1, orders_seen=2, assets_compared=3)

    page = viewer.get(URL)

    text = text_of(page)
    assert "main" in text
    assert "Agrees" in text
    assert "2 orders, 3 assets 1 fill booked" in text
    assert "50.00 % 1 of 2, 1 silent" in text
    assert "Of the newest 3 cycles 1 agreed, 1 differed, 1 told nothing." in body(page)
    assert "told nothing: binance didn&#x27;t answer" in body(page)


def test_an_account_that_does_not_answer_says_why(viewer: Client, account: ExchangeAccount) -> None:
    at = clock.now() - timedelta(minutes=5)
    make_reconcile_run(account, at=at)
    make_reconcile_run(account, "ABORTED", error="binance didn't answer: 502")
    Reconciliation.objects.update(unreachable_since=at)

    text = text_of(viewer.get(URL))

    assert "Doesn't answer" in text.replace("&#x27;", "'")
    assert "silent since" in text
    assert "502" in text


def test_orders_of_others_are_listed(viewer: Client, account: ExchangeAccount) -> None:
    make_reconcile_run(account, external_orders=1)
    Reconciliation.objects.update(external_orders=[ORDER])

    text = text_of(viewer.get(URL))

    assert "1 order of others: listed, never touched" in text
    assert "web_1" in text


def test_what_differs_stands_first_with_both_sides(
    viewer: Client, account: ExchangeAccount
) -> None:
    make_reconcile_run(account, "DIFFERENT", differences=2)
    make_incident(account)
    make_incident(account, "BTC", drift=False, sightings=1)

    text = text_of(fragment(viewer, URL, "reconciliation-now"))

    assert "What differs now" in text
    assert "Drift USDT 100 350.5" in text
    assert text.index("Drift USDT") < text.index("Seen once BTC")


def test_incidents_of_the_past_are_filtered(viewer: Client, account: ExchangeAccount) -> None:
    gone = make_incident(account, "ETH", state="RESOLVED", resolved_at=clock.now())
    make_incident(account, "BTC")

    found = fragment(viewer, f"{URL}?state=RESOLVED", "incidents")

    assert is_fragment(found)
    assert f"incident-{gone.pk}" in body(found)
    assert body(found).count("<tr id=") == 1
    assert "Nothing matches" in text_of(fragment(viewer, f"{URL}?kind=ORPHAN", "incidents"))


def test_the_navigation_counts_drifts(viewer: Client, account: ExchangeAccount) -> None:
    make_incident(account, drift=False)
    assert "Books and exchange differ" not in body(viewer.get("/orders/"))
    make_incident(account, "BTC")
    assert "Books and exchange differ" in body(viewer.get("/orders/"))
    count = fragment(viewer, URL, "drift-count")
    assert is_fragment(count)
    assert text_of(count) == "1"


def test_home_names_drifts(viewer: Client, account: ExchangeAccount) -> None:
    assert "Books and exchange differ" not in text_of(viewer.get("/"))
    incident = make_incident(account)

    page = fragment(viewer, "/", "home-incidents")

    assert f"/incidents/{incident.pk}/" in body(page)
    assert "main: ours 100, theirs 350.5" in text_of(page)


def test_an_incident_says_what_it_means_and_blocks(
    viewer: Client, account: ExchangeAccount
) -> None:
    incident = make_incident(account, evidence={"difference": "250.5", "external_fills": [ORDER]})

    text = text_of(viewer.get(f"/incidents/{incident.pk}/"))

    assert "No live buy of a symbol with USDT leaves." in text
    assert "Live one" in text
    assert "External fills" in text
    assert "web_1" in text
    assert "Difference 250.5" in text


@pytest.mark.parametrize("kind", Incident.Kind.values)
def test_every_class_says_what_to_do(viewer: Client, account: ExchangeAccount, kind: str) -> None:
    order = make_order(Bot.objects.get())
    incident = make_incident(account, "", kind=kind, key="cs-1", order=order, symbol=order.symbol)

    text = text_of(viewer.get(f"/incidents/{incident.pk}/"))

    assert "Acknowledging" in text
    assert "No live buy of BTC/USDT leaves." in text


def test_an_operator_says_what_it_is(operator: Client, account: ExchangeAccount) -> None:
    incident = make_incident(account)
    url = f"/incidents/{incident.pk}/"
    assert "acknowledge-dialog" in body(operator.get(url))

    answer = operator.post(f"{url}acknowledge/", {"reason": "A deposit of mine"})

    assert answer["Location"] == url
    text = text_of(operator.get(url))
    assert "Acknowledged" in text
    assert "A deposit of mine" in text
    assert "Only an open drift blocks." in text
    assert BalanceAdjustment.objects.count() == 1


def test_it_takes_a_reason_and_a_second_sight(operator: Client, account: ExchangeAccount) -> None:
    incident = make_incident(account, drift=False, sightings=1)
    url = f"/incidents/{incident.pk}/"

    page = body(operator.get(url))
    assert 'data-dialog="acknowledge-dialog"' not in page
    assert command(operator, f"{url}acknowledge/", reason="x").status_code == 409
    assert command(operator, f"{url}acknowledge/", reason=" ").status_code == 400
    assert Incident.objects.get().state == "OPEN"


def test_an_order_that_works_there_is_canceled_there_by_a_person(
    operator: Client, account: ExchangeAccount
) -> None:
    orphan = make_incident(account, "", kind="ORPHAN", key="cs-1")
    balance = make_incident(account)

    assert "Cancel it there" in text_of(operator.get(f"/incidents/{orphan.pk}/"))
    assert "cancel-order" not in body(operator.get(f"/incidents/{balance.pk}/"))
    refused = command(operator, f"/incidents/{balance.pk}/cancel-order/")
    assert refused.status_code == 409
    assert "no order of ours" in text_of(refused)


def test_a_viewer_only_looks(viewer: Client, account: ExchangeAccount) -> None:
    incident = make_incident(account)

    assert "acknowledge-dialog" not in body(viewer.get(f"/incidents/{incident.pk}/"))
    assert "Reconcile now" not in text_of(viewer.get(URL))
    assert command(viewer, f"{URL}run/").status_code == 403


def test_a_cycle_is_asked_for(operator: Client, account: ExchangeAccount) -> None:
    answer = command(operator, f"{URL}run/")

    assert "A worker reconciles main now." in text_of(answer)
    assert Reconciliation.objects.get().due_at is not None
    assert AuditEvent.objects.filter(action="reconciliation.requested").exists()


def test_an_unknown_incident_is_not_found(viewer: Client) -> None:
    assert viewer.get("/incidents/1/").status_code == 404
