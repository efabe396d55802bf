"""How many cycles agreed, and what readiness says of books."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from config.metrics import exposition
from tests.trading.factories import NOW, later, make_account, make_bot, make_symbol
from trading import queries
from trading.models import Bot, ExchangeAccount, Incident, ReconcileRun, Reconciliation
from trading.queries import AccountBooks, MatchRate

pytestmark = pytest.mark.django_db

Outcome, State = ReconcileRun.Outcome, Incident.State


@pytest.fixture
def account() -> ExchangeAccount:
    account = make_account()
    bot = make_bot(make_symbol(exchange="binance"))
    Bot.objects.filter(pk=bot.pk).update(paper_mode=False, account=account)
    return account


def ran(account: ExchangeAccount, outcome: str, *, seconds: float = 0, times: int = 1) -> None:
    at = later(seconds)
    for _ in range(times):
        ReconcileRun.objects.create(
            account=account, outcome=outcome, started_at=at, ended_at=at, duration_ms=1
        )


def told(account: ExchangeAccount, seconds: float = 0) -> None:
    Reconciliation.objects.update_or_create(account=account, defaults={"told_at": later(seconds)})


def drift(account: ExchangeAccount, key: str = "USDT", **given: Any) -> Incident:
    return Incident.objects.create(
        account=account,
        kind=Incident.Kind.BALANCE,
        key=key,
        asset=key,
        ours="1",
        theirs="2",
        first_seen_at=NOW,
        last_seen_at=NOW,
        **{"drift": True, **given},
    )


def books() -> AccountBooks:
    (found,) = queries.account_books(NOW)
    return found


def reasons() -> list[str]:
    (gate,) = (gate for gate in queries.readiness(NOW) if gate.name == "books_agree")
    return gate.reasons


def test_it_is_the_clean_part_of_the_cycles_that_could_judge(account: ExchangeAccount) -> None:
    ran(account, Outcome.CLEAN, times=3)
    ran(account, Outcome.DIFFERENT)
    ran(account, Outcome.ABORTED, times=6)

    assert books().match == MatchRate(clean=3, different=1, aborted=6)
    assert (books().match.rate, books().match.is_low) == (0.75, True)
    assert queries.match_rate(NOW) == books().match


def test_there_is_none_before_a_cycle_could_judge(account: ExchangeAccount) -> None:
    ran(account, Outcome.ABORTED)

    assert books().match.rate is None
    assert not books().match.is_low


def test_it_looks_back_a_day(account: ExchangeAccount) -> None:
    ran(account, Outcome.DIFFERENT, seconds=-86_400)
    ran(account, Outcome.CLEAN, seconds=-86_399)

    assert books().match.rate == 1


def test_the_newest_cycles_come_with_the_oldest_of_them_first(account: ExchangeAccount) -> None:
    ran(account, Outcome.CLEAN, times=70)
    ran(account, Outcome.DIFFERENT)

    assert len(books().runs) == 60
    assert books().last == ReconcileRun.objects.latest("pk")


def test_accounts_that_nothing_uses_are_left_out(account: ExchangeAccount) -> None:
    make_account("spare")

    assert [each.account for each in queries.account_books(NOW)] == [account]
    Bot.objects.update(paper_mode=True, account=None)
    assert queries.account_books(NOW) == []


def test_readiness_names_open_drifts(account: ExchangeAccount) -> None:
    told(account)
    drift(account, "USDT")
    drift(account, "BTC", drift=False)
    drift(account, "ETH", state=State.ACKNOWLEDGED)
    drift(account, "BNB", state=State.RESOLVED)

    assert reasons() == ["main: balance differs (USDT)"]
    assert (books().incidents, books().drifts) == (2, 1)


def test_readiness_names_books_that_were_not_read_lately(account: ExchangeAccount) -> None:
    assert reasons() == ["main: never reconciled"]
    told(account, -121)
    assert reasons() == [f"main: not reconciled since {NOW - timedelta(seconds=121):%H:%M:%S}"]
    told(account, -119)
    assert reasons() == []


def test_open_incidents_stand_with_the_oldest_drift_first(account: ExchangeAccount) -> None:
    fresh = drift(account, "A", drift=False)
    old = drift(account, "B")
    new = drift(account, "C")
    drift(account, "D", state=State.RESOLVED)

    assert list(queries.open_incidents()) == [old, new, fresh]


def test_it_is_measured(account: ExchangeAccount) -> None:
    drift(account)

    text = exposition().decode()

    assert 'recon_drifts{account="main"} 1.0' in text
    assert 'recon_cycles_24h{account="main",result="clean"} 0.0' in text
