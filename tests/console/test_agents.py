"""Agents, findings, postures and signals on pages."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client

from config import clock
from marketdata.models import Symbol
from strategies import queries, services
from strategies.models import Finding, Posture, Signal
from tests.api.factories import make_symbol
from tests.console.pages import body, fragment, is_fragment, text_of
from tests.strategies.looks import follow, make_frame, spiking
from trading.models import AuditEvent

pytestmark = pytest.mark.usefixtures("clean_bus")


@pytest.fixture
def btc(db: None) -> Symbol:
    services.sync_agents(now=clock.now())
    return make_symbol()


def make_finding(symbol: Symbol, **given: object) -> Finding:
    now = clock.now()
    values: dict[str, object] = {
        "agent": "rvol_spike",
        "label": "rvol_spike",
        "score": 7.16,
        "details": {"rvol": 7.16, "best_bid": 100.52, "event": "CPI"},
        **given,
    }
    return Finding.objects.create(key=uuid4(), at=now, last_at=now, symbol=symbol, **values)


@pytest.mark.parametrize("path", ["/agents/", "/findings/", "/posture/", "/signals/"])
def test_each_page_has_words_when_there_is_nothing_yet(db: None, viewer: Client, path: str) -> None:
    response = viewer.get(path)

    assert response.status_code == 200
    assert 'class="empty"' in body(response)


def test_agents_show_status_runs_and_the_last_error(btc: Symbol, viewer: Client) -> None:
    row = queries.agent_row("cusum")
    row.status, row.failures, row.last_error = "FAILED", 2, "ZeroDivisionError: oops"
    row.last_error_at = row.last_run_at = clock.now() - timedelta(minutes=2)
    row.save()

    text = text_of(viewer.get("/agents/"))

    assert "Volume spike rvol_spike Waiting" in text
    assert "Failed 2 in a row" in text
    assert "ZeroDivisionError: oops" in text
    assert "Run now" not in text


def test_an_operator_runs_one_and_all(btc: Symbol, operator: Client) -> None:
    spiking(btc, at=clock.now())

    one = operator.post("/agents/rvol_spike/run/", follow=True)
    every = operator.post("/agents/run/", headers={"HX-Request": "true"})

    assert "1 agent ran; 1 noticed." in text_of(one)
    assert "8 agents ran" in text_of(every)
    assert Finding.objects.filter(agent="rvol_spike").count() == 1


def test_an_agent_is_turned_off_and_on_again(btc: Symbol, operator: Client) -> None:
    operator.post("/agents/cusum/switch/", {"off": "1"})
    assert "Off" in text_of(operator.get("/agents/cusum/"))
    assert not queries.agent_row("cusum").enabled

    operator.post("/agents/cusum/switch/")

    assert queries.agent_row("cusum").enabled
    assert AuditEvent.objects.filter(action="agent.changed").count() == 2


def test_parameters_are_set_on_the_agents_page(btc: Symbol, operator: Client) -> None:
    form = {"interval_s": "20", "entry": "0.7", "leave": "", "mtf_weights": '{"5m": 1.0}'}

    operator.post("/agents/trend_score/set/", form)
    wrong = operator.post("/agents/trend_score/set/", {"entry": "high"})

    state = queries.agent_state("trend_score")
    assert state.row.params == {"entry": 0.7, "mtf_weights": {"5m": 1.0}}
    assert (state.interval_s, state.params["leave"]) == (20, 0.45)
    assert wrong.status_code == 422
    assert "Persistence" in text_of(operator.get("/agents/trend_score/"))


def test_findings_are_filtered_and_open_their_details(btc: Symbol, viewer: Client) -> None:
    make_finding(btc)
    make_finding(make_symbol("ETH/USDT"), score=1.2)

    every = text_of(viewer.get("/findings/"))
    strong = fragment(viewer, "/findings/?score=5", "findings")

    assert "BTC/USDT" in every
    assert "ETH/USDT" in every
    assert is_fragment(strong)
    assert "ETH/USDT" not in text_of(strong)
    assert "Best bid 100.5200 Event CPI" in text_of(strong)
    assert "Nothing matches" in text_of(viewer.get("/findings/?agent=cusum"))


def test_the_posture_board_shows_each_followed_symbol(btc: Symbol, viewer: Client) -> None:
    eth = make_symbol("ETH/USDT")
    now = clock.now()
    follow(eth, at=now, frames={"5m": make_frame(mom_bps=42.0, rvol=2.5)})
    Posture.objects.create(
        symbol=eth, view="LONG", p_up=0.712, leaning="LONG", count=4, since=now, updated_at=now
    )

    text = text_of(viewer.get("/posture/"))

    assert "ETH/USDT simulated Long 0.712 long 4×" in text
    assert "+42.0" in text
    assert text.index("ETH/USDT simulated") < text.index("BTC/USDT simulated")


def test_signals_show_whether_an_order_followed(btc: Symbol, viewer: Client) -> None:
    for close_ms, executed in ((60_000, True), (120_000, False)):
        Signal.objects.create(
            symbol=btc,
            timeframe="1m",
            candle_close_ms=close_ms,
            strategy="sma_cross",
            kind="ENTER",
            price=50_000.0,
            executed=executed,
            created_at=clock.now(),
        )

    text = text_of(viewer.get("/signals/?executed=True"))

    assert "sma_cross Enter 50,000.00 USDT passed sent" in text
    assert "00:02:00" not in text
    assert "00:02:00" in text_of(viewer.get("/signals/"))


def test_the_chart_of_a_symbol_gets_its_findings(btc: Symbol, viewer: Client) -> None:
    finding = make_finding(btc)

    marks = viewer.get(f"/charts/findings/{btc.pk}/?from=0").json()["marks"]

    at_ms = clock.to_ms(finding.at)
    assert marks == [{"at_ms": at_ms, "label": "rvol spike", "score": 7.16}]
    assert f"/charts/findings/{btc.pk}/" in body(viewer.get("/markets/simulated/BTC-USDT/"))
