"""Agents at work: schedule, findings, errors that stay where they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from marketdata.models import Symbol
from strategies import agents, finding_buffer, queries, services
from strategies.agents import Agent as AgentCode
from strategies.agents import AgentParams, Look, Seen
from strategies.errors import AgentBusy, AgentUnknown
from strategies.models import Agent, Finding, Posture
from tests.marketdata.factories import NOW, make_symbol
from tests.strategies.looks import follow, make_frame, spiking

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_bus")]


@pytest.fixture
def btc() -> Symbol:
    services.sync_agents(now=NOW)
    return make_symbol(watched=True)


class Broken(AgentCode[AgentParams]):
    """Fails at one symbol and notices nothing at the others."""

    name = "rvol_spike"
    title = "Broken"
    description = ""
    params_model = AgentParams

    def look(self, look: Look, params: AgentParams) -> Seen:
        if look.state.symbol == "BTC/USDT":
            raise ZeroDivisionError("oops")
        return Seen()


@pytest.fixture
def broken(btc: Symbol, monkeypatch: pytest.MonkeyPatch) -> Symbol:
    monkeypatch.setattr(agents, "AGENTS", {**agents.AGENTS, "rvol_spike": Broken()})
    spiking(btc)
    return btc


def test_a_finding_has_the_fields_that_were_promised(btc: Symbol) -> None:
    spiking(btc, rvol=7.16)

    result = services.run_agent(name="rvol_spike", now=NOW)

    [finding] = Finding.objects.all()
    assert (finding.agent, finding.label, finding.score) == ("rvol_spike", "rvol_spike", 7.16)
    assert (finding.symbol, finding.at, finding.repeats) == (btc, NOW, 1)
    assert finding.details["best_bid"] == 99.99
    assert (result.looked, result.error, len(result.notes)) == (1, "", 1)


def test_the_same_again_within_the_window_is_counted(btc: Symbol) -> None:
    for seconds, rvol in ((0, 4.0), (60, 6.0), (299, 5.0), (301, 4.5)):
        at = NOW + timedelta(seconds=seconds)
        spiking(btc, at=at, rvol=rvol)
        services.run_agent(name="rvol_spike", now=at)

    second, first = Finding.objects.order_by("-at")
    assert (first.repeats, first.score, first.last_at) == (3, 6.0, NOW + timedelta(seconds=299))
    assert first.details["rvol"] == 6.0
    assert (second.repeats, second.score) == (1, 4.5)


def test_a_run_without_insert_stores_nothing_but_tells(btc: Symbol) -> None:
    spiking(btc)

    result = services.run_agent(name="rvol_spike", now=NOW, insert=False)

    assert [note.label for _, note in result.notes] == ["rvol_spike"]
    assert not Finding.objects.exists()
    assert queries.agent_row("rvol_spike").runs == 1


def test_one_symbol_can_be_asked_for(btc: Symbol) -> None:
    eth = make_symbol("ETH/USDT", watched=True)
    spiking(btc)
    spiking(eth)

    services.run_agent(name="rvol_spike", now=NOW, symbol_id=eth.pk)

    assert [finding.symbol for finding in Finding.objects.all()] == [eth]


def test_stale_prices_are_not_judged(btc: Symbol) -> None:
    spiking(btc, at=NOW - timedelta(seconds=40))

    result = services.run_agent(name="rvol_spike", now=NOW)

    assert result.looked == 0
    row = queries.agent_row("rvol_spike")
    assert (row.status, row.note) == ("RESTING", "the feed gives no live prices")


def test_an_agent_that_raises_shows_its_error_and_backs_off(broken: Symbol) -> None:
    waits, now = [], NOW
    for _ in range(3):
        spiking(broken, at=now)
        services.run_agent(name="rvol_spike", now=now)
        row = queries.agent_row("rvol_spike")
        assert row.due_at is not None
        waits.append((row.due_at - now).total_seconds())
        now = row.due_at

    assert (row.status, row.failures) == ("FAILED", 3)
    assert row.last_error == "simulated:BTC/USDT: ZeroDivisionError: oops"
    assert waits == [30, 60, 120]  # of 15 s
    assert row.lease_until is None


def test_an_agent_that_raises_harms_no_other_and_no_other_symbol(broken: Symbol) -> None:
    eth = make_symbol("ETH/USDT", watched=True)
    follow(broken, spread_bps=99.0)
    follow(eth)

    result = services.run_agent(name="rvol_spike", now=NOW)
    services.run_agent(name="liquidity", now=NOW)

    assert (result.looked, len(result.errors)) == (1, 1)
    assert [finding.agent for finding in Finding.objects.all()] == ["liquidity"]
    assert queries.agent_row("liquidity").status == "OK"


def test_an_agent_that_recovers_is_back_at_its_interval(
    broken: Symbol, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.run_agent(name="rvol_spike", now=NOW)
    monkeypatch.undo()
    later = NOW + timedelta(minutes=5)
    spiking(broken, at=later)

    services.run_agent(name="rvol_spike", now=later)

    row = queries.agent_row("rvol_spike")
    assert (row.status, row.failures) == ("OK", 0)
    assert row.due_at == later + timedelta(seconds=15)
    assert row.last_error  # what it was stays to be read
    assert row.last_ok_at == later


def test_the_tick_claims_each_due_agent_once(btc: Symbol) -> None:
    claimed = services.claim_due_agents(now=NOW)

    assert set(claimed) == set(agents.AGENTS)
    assert services.claim_due_agents(now=NOW) == []
    assert services.claim_due_agents(now=NOW + timedelta(seconds=31)) != []


def test_an_agent_that_is_off_is_not_claimed_but_runs_by_hand(btc: Symbol) -> None:
    services.change_agent(name="rvol_spike", enabled=False, now=NOW)
    spiking(btc)

    assert "rvol_spike" not in services.claim_due_agents(now=NOW)
    assert services.run_agent(name="rvol_spike", now=NOW).looked == 1
    assert queries.agent_state("rvol_spike").status == "OFF"


def test_a_second_run_at_the_same_time_is_refused(btc: Symbol) -> None:
    Agent.objects.filter(name="cusum").update(lease_until=NOW + timedelta(seconds=5))

    with pytest.raises(AgentBusy):
        services.run_agent(name="cusum", now=NOW)
    with pytest.raises(AgentUnknown):
        services.run_agent(name="oracle", now=NOW)


def test_a_dead_workers_lease_runs_out(btc: Symbol) -> None:
    Agent.objects.filter(name="cusum").update(lease_until=NOW)

    assert services.run_agent(name="cusum", now=NOW + timedelta(seconds=1)).error == ""


def test_parameters_of_a_person_stand_on_those_of_the_settings(btc: Symbol) -> None:
    services.change_agent(name="trend_score", params={"persist": 1}, interval_s=5, now=NOW)

    state = queries.agent_state("trend_score")

    assert (state.params["persist"], state.params["entry"], state.interval_s) == (1, 0.62, 5)


def test_trend_score_keeps_the_posture_with_its_count(btc: Symbol) -> None:
    up = {frame: make_frame(mom_bps=100.0, px_vs_vwap_bps=50.0) for frame in ("1m", "5m", "15m")}
    seen: list[Any] = []
    for look in range(4):
        at = NOW + timedelta(seconds=15 * look)
        follow(btc, at=at, frames=up)
        services.run_agent(name="trend_score", now=at)
        posture = Posture.objects.get(pk=btc.pk)
        seen.append((posture.view, posture.leaning, posture.count))

    assert seen == [
        ("UNKNOWN", "LONG", 1),
        ("UNKNOWN", "LONG", 2),
        ("LONG", "LONG", 3),
        ("LONG", "LONG", 4),
    ]
    assert posture.since == NOW + timedelta(seconds=30)
    assert [one.label for one in Finding.objects.all()] == ["posture_long"]


def test_without_a_database_findings_wait_and_are_stored_once(btc: Symbol) -> None:
    spiking(btc)
    services.run_agent(name="rvol_spike", now=NOW, insert=False)  # the bus knows its setup
    ran = services.run_agents_without_database(now=NOW)

    assert ran == ["rvol_spike"]
    assert not Finding.objects.exists()
    [draft] = finding_buffer.recent(symbol="BTC/USDT")
    assert (draft.agent, draft.label, draft.score) == ("rvol_spike", "rvol_spike", 5.0)
    assert services.run_agents_without_database(now=NOW) == []  # not due again yet

    assert services.store_waiting_findings() == 1
    assert services.store_waiting_findings() == 0
    [finding] = Finding.objects.all()
    assert (finding.symbol, finding.at, str(finding.key)) == (btc, NOW, draft.key)


def test_the_buffer_keeps_the_newest_only(btc: Symbol, settings: Any) -> None:
    settings.ENV = settings.ENV.model_copy(update={"findings_buffer": 3})
    for score in range(5):
        draft = finding_buffer.Draft(
            key=f"00000000-0000-0000-0000-00000000000{score}",
            at_ms=score,
            agent="a",
            symbol_id=btc.pk,
            exchange="simulated",
            symbol="BTC/USDT",
            score=float(score),
            label="x",
            details={},
        )
        finding_buffer.put_waiting(draft)

    assert [draft.score for draft in finding_buffer.waiting()] == [2, 3, 4]
    assert [draft.score for draft in finding_buffer.recent()] == [4, 3, 2]
