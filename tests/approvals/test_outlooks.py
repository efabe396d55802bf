"""Approvers see what bots would do before they agree: looked at by a worker, shown with its age."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from approvals import services
from approvals.models import Outlook
from config import clock
from marketdata.models import Candle
from marketdata.queries import resolve_symbol
from strategies import queries as strategy_queries
from strategies import registry
from tests.approvals.asking import Table, make_table
from trading.models import Bot
from trading.services import create_bot

pytestmark = pytest.mark.django_db


@pytest.fixture
def table() -> Table:
    made = make_table(now=clock.now())
    create_bot(
        name="Follower",
        symbols=[resolve_symbol(made.simulation.symbols[0])],
        timeframe="5m",
        version=strategy_queries.active_version("trend_ema_fast"),
        by=None,
        now=made.now,
    )
    return made


def shown(user: User, path: str) -> str:
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    answer = client.get(path)
    assert answer.status_code == 200, path
    return str(answer.content.decode())


def test_a_worker_looks_at_each_open_request_once_a_minute(table: Table) -> None:
    assert services.measure_outlooks(now=table.now) == 0  # nobody asked yet
    row = table.ask()

    assert services.measure_outlooks(now=table.now) == 1
    assert services.measure_outlooks(now=table.at(seconds=59)) == 0
    assert services.measure_outlooks(now=table.at(seconds=60)) == 1

    seen = Outlook.objects.get()
    assert (seen.version, seen.base.number) == (row.version, 1)
    assert seen.measured_at == table.at(seconds=60)
    assert [bot["bot"] for bot in seen.bots] == [Bot.objects.get().pk]


def test_a_clock_that_was_set_back_does_not_keep_an_old_look(table: Table) -> None:
    table.ask()
    services.measure_outlooks(now=table.at(hours=1))

    assert services.measure_outlooks(now=table.now) == 1


def test_what_is_decided_is_not_looked_at_any_more(table: Table) -> None:
    row = table.ask()
    services.withdraw(approval_id=row.pk, reason="", by=table.proposer, now=table.now)

    assert services.measure_outlooks(now=table.now) == 0


def test_the_page_shows_both_wishes_the_order_and_the_exposure(table: Table) -> None:
    row = table.ask()
    before = shown(table.approver, f"/approvals/{row.pk}/")
    services.measure_outlooks(now=clock.now())
    after = shown(table.approver, f"/approvals/{row.pk}/")

    assert "waits for a worker to look" in before
    assert "What it would do is not known yet" in before
    assert "Active v1" in after
    assert "Candidate v2" in after
    assert "With the candidate" in after
    assert "no order:" in after or "fee about" in after
    assert "seen" in after


def test_what_no_worker_looks_at_any_more_says_its_age(table: Table) -> None:
    row = table.ask()
    services.measure_outlooks(now=clock.now())
    Outlook.objects.update(measured_at=clock.now() - timedelta(minutes=10))

    assert 'panel__note warn">seen' in shown(table.approver, f"/approvals/{row.pk}/")


def test_a_strategy_that_fails_leaves_its_bots_unknown_and_is_asked_again_later(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = table.ask()
    strategy = registry.get("trend_ema_fast")
    monkeypatch.setattr(type(strategy), "warmup", lambda self, params: 1 // 0)

    assert services.measure_outlooks(now=table.now) == 1
    assert services.measure_outlooks(now=table.at(seconds=30)) == 0
    monkeypatch.undo()
    assert Outlook.objects.get().bots == []
    assert "What it would do is not known" in shown(table.approver, f"/approvals/{row.pk}/")


def test_a_bot_without_candles_is_unknown_and_never_zero(table: Table) -> None:
    row = table.ask()
    Candle.objects.all().delete()
    services.measure_outlooks(now=clock.now())

    page = shown(table.approver, f"/approvals/{row.pk}/")
    assert "What it would do is unknown. No closed candle" in page
    assert "With the candidate" not in page


def test_the_api_tells_the_same_and_null_before_anybody_looked(table: Table) -> None:
    row, client = table.ask(), Client()
    client.force_login(User.objects.get(pk=table.approver.pk))
    path = f"/api/v1/approvals/{row.pk}/outlook"

    assert client.get(path).json() == {"base": None, "measured_at": None, "bots": []}
    services.measure_outlooks(now=table.now)
    told = client.get(path).json()

    assert told["base"] == 1
    (bot,) = told["bots"]
    assert (bot["bot"], bot["quote"], bot["equity"]) == (Bot.objects.get().pk, "USDT", "10000")
    assert (bot["exposure"], bot["symbols"][0]["qty"]) == (0.0, "0")
    assert client.get("/api/v1/approvals/999/outlook").status_code == 404
