"""Features, agents, findings, postures and signals through the API."""

from __future__ import annotations

from datetime import timedelta
from math import isfinite
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from config import clock
from marketdata.models import Symbol
from strategies import finding_buffer, queries, readers
from strategies import services as strategy_services
from strategies.models import Finding, Posture, Signal
from tests.api.factories import Api, make_symbol
from tests.api.sockets import listening
from tests.conftest import AsgiServer
from tests.strategies.looks import follow, make_frame, spiking
from trading.models import AuditEvent


@pytest.fixture
def btc(console: None) -> Symbol:
    strategy_services.sync_agents(now=clock.now())
    return make_symbol()


def test_the_tile_of_a_symbol_has_its_eight_numbers(viewer: Api, btc: Symbol) -> None:
    follow(btc, at=clock.now(), mom1_bps=12.3, best_bid=100.52)

    tile = viewer.get("signals", symbol="BTC-USDT").json()

    assert (tile["mom1_bps"], tile["best_bid"], tile["trades_cached"]) == (12.3, 100.52, 500)
    assert set(tile) == {
        "symbol",
        "exchange",
        "age_s",
        "mom1_bps",
        "mom5_bps",
        "rvol_vs_recent",
        "px_vs_vwap_bps",
        "best_bid",
        "best_ask",
        "last_price",
        "trades_cached",
    }


def test_features_of_bars_come_for_three_lengths(viewer: Api, btc: Symbol) -> None:
    follow(btc, at=clock.now(), frames={"5m": make_frame(mom_bps=-19.5, rvol=1.31)})

    found = viewer.get("signals_tf", symbol="BTCUSDT").json()

    assert (found["mom_bps_5m"], found["rvol_5m"], found["atr_15m"]) == (-19.5, 1.31, 0.5)
    numbers = [value for value in found.values() if isinstance(value, int | float)]
    assert all(isfinite(value) for value in numbers)


def test_what_nobody_follows_is_null_not_an_error(viewer: Api, btc: Symbol) -> None:
    tile = viewer.get("signals", symbol="BTCUSDT").json()

    assert (tile["last_price"], tile["mom1_bps"], tile["trades_cached"]) == (None, None, 0)
    assert viewer.get("signals_tf", symbol="BTCUSDT").json()["atr_1m"] is None
    assert viewer.get("signals", symbol="MOON").status_code == 404
    assert viewer.get("signals").status_code == 400


def test_the_debug_pages_are_for_operators(viewer: Api, operator: Api, btc: Symbol) -> None:
    follow(btc, at=clock.now())

    state = operator.get("debug/state", symbol="BTCUSDT").json()
    features = operator.get("debug/features", symbol="BTCUSDT").json()

    assert viewer.get("debug/state", symbol="BTCUSDT").status_code == 403
    assert (state["trades_cached"], state["bars_1m_count"], len(state["bars_1m_tail"])) == (
        500,
        100,
        5,
    )
    assert state["last_trade"][0]["price"] == 100.0
    assert features["bars"] == {"1m": 100, "5m": 100, "15m": 100}


def test_agents_show_how_they_fare(viewer: Api, btc: Symbol) -> None:
    spiking(btc, at=clock.now())
    strategy_services.run_agent(name="rvol_spike", now=clock.now())

    agents = {one["agent"]: one for one in viewer.get("agents").json()["agents"]}

    assert next(iter(agents)) == "rvol_spike"
    assert len(agents) == 8
    spike = agents["rvol_spike"]
    assert (spike["status"], spike["runs"], spike["last_error"]) == ("OK", 1, "")
    assert spike["last_run"]
    assert spike["next_run"] > spike["last_run"]
    assert agents["cusum"]["status"] == "WAITING"


def test_running_agents_now_takes_names_symbol_and_insert(operator: Api, btc: Symbol) -> None:
    spiking(btc, at=clock.now())

    dry = operator.post("agents/run-now?names=rvol_spike,llm_analyst&symbol=BTCUSDT&insert=false")
    wet = operator.post("agents/run-now?names=rvol_spike")

    answer = dry.json()
    assert (answer["ok"], answer["ran"]) == (True, ["rvol_spike", "llm_analyst"])
    spike, analyst = answer["results"]
    assert spike["notes"][0]["label"] == "rvol_spike"
    assert analyst["resting"] == "no language model is set up"
    assert wet.json()["ok"]
    assert Finding.objects.count() == 1
    assert AuditEvent.objects.filter(action="agent.run_by_hand").count() == 2


def test_running_agents_is_for_operators_and_known_names(
    viewer: Api, operator: Api, btc: Symbol
) -> None:
    assert viewer.post("agents/run-now").status_code == 403
    assert operator.post("agents/run-now?names=oracle").json()["code"] == "AGENT_UNKNOWN"


def test_an_agent_is_set_with_an_audit_event(operator: Api, btc: Symbol) -> None:
    body = {"enabled": False, "interval_s": 60, "params": {"least": 2.5}}

    answer = operator.send("PATCH", "agents/rvol_spike", body)
    wrong = operator.send("PATCH", "agents/rvol_spike", {"params": {"least": 0}})

    assert (answer.json()["status"], answer.json()["params"]) == ("OFF", {"least": 2.5})
    assert wrong.json()["code"] == "AGENT_PARAMS_INVALID"
    event = AuditEvent.objects.get(action="agent.changed")
    assert event.before == {"enabled": True, "interval_s": None, "params": {}}
    assert event.after == body | {"interval_s": 60.0}


def test_findings_have_their_fields_and_filters(viewer: Api, btc: Symbol) -> None:
    eth = make_symbol("ETH/USDT")
    for symbol, rvol in ((btc, 7.16), (eth, 3.5)):
        spiking(symbol, at=clock.now(), rvol=rvol)
    strategy_services.run_agent(name="rvol_spike", now=clock.now())

    every = viewer.get("findings").json()
    strong = viewer.get("findings", min_score=5, agent="rvol_spike").json()["findings"]
    first = viewer.get("findings", limit=1).json()
    second = viewer.get("findings", limit=1, cursor=first["next_cursor"]).json()

    assert (len(every["findings"]), every["source"]) == (2, "database")
    assert [(one["symbol"], one["score"]) for one in strong] == [("BTC/USDT", 7.16)]
    assert strong[0]["ts_utc"].endswith("Z")
    assert strong[0]["details"]["rvol"] == 7.16
    assert viewer.get("findings", symbol="ETHUSDT").json()["findings"][0]["symbol"] == "ETH/USDT"
    assert first["findings"] + second["findings"] == every["findings"]
    assert viewer.get("findings", agent="oracle").status_code == 400


def test_a_posture_tells_how_long_its_leaning_has_lasted(viewer: Api, btc: Symbol) -> None:
    now = clock.now()
    Posture.objects.create(
        symbol=btc, view="LONG", p_up=0.7, leaning="LONG", count=4, since=now, updated_at=now
    )

    [posture] = viewer.get("posture", symbol="BTCUSDT").json()["results"]

    assert (posture["status"], posture["persistence"], posture["p_up"]) == ("LONG", 4, 0.7)


def make_signal(symbol: Symbol, *, minutes_ago: int = 0, **given: Any) -> Signal:
    at = clock.now() - timedelta(minutes=minutes_ago)
    values = {"strategy": "sma_cross", "kind": "ENTER", "price": 100.0, **given}
    return Signal.objects.create(
        symbol=symbol,
        timeframe="1m",
        candle_close_ms=clock.to_ms(at) // 60_000 * 60_000,
        created_at=at,
        **values,
    )


def test_the_latest_signals_come_newest_first_with_executed(viewer: Api, btc: Symbol) -> None:
    make_signal(btc, minutes_ago=5)
    make_signal(btc, executed=True, kind="EXIT")

    newest, older = viewer.get("latest", limit=2).json()["results"]

    assert (newest["signal_type"], newest["executed"]) == ("EXIT", True)
    assert (older["signal_type"], older["executed"]) == ("ENTER", False)
    assert len(viewer.get("latest", executed="true").json()["results"]) == 1


def test_a_reader_is_remembered_by_a_hash_for_findings_only(viewer: Api, btc: Symbol) -> None:
    class Shown:
        headers = {"Authorization": f"Bearer {viewer.secret}"}
        COOKIES: dict[str, str] = {}

    request: Any = Shown()
    assert not readers.is_remembered(request)

    viewer.get("findings")

    assert readers.is_remembered(request)
    assert queries.agent_states()
    assert finding_buffer.recent() == []


def test_a_new_signal_is_heard_on_its_socket(asgi_server: AsgiServer, viewer: Api) -> None:
    btc, eth = make_symbol(), make_symbol("ETH/USDT")
    with listening(asgi_server, "/ws/signals", viewer) as listener:
        listener.say({"subscribe": ["BTC/USDT"]})
        assert listener.hear() == ("subscribed", {"topics": ["BTC/USDT"]})

        for symbol in (eth, btc):
            strategy_services.mark_signal_executed(
                symbol_id=symbol.pk,
                timeframe="1m",
                candle_close_ms=60_000,
                strategy="sma_cross",
                kind="ENTER",
                price=100.0,
                details={"target": 1.0},
                now=clock.now(),
            )

        name, data = listener.hear()
    [listed] = viewer.get("latest", symbol="BTCUSDT").json()["results"]
    assert (name, data) == ("signal", listed)


def test_a_socket_of_signals_needs_a_login(asgi_server: AsgiServer) -> None:
    with pytest.raises(InvalidStatus), listening(asgi_server, "/ws", Api()):
        pass
