"""What each agent notices, from looks alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from math import sin
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.exchanges.protocol import CandleRow
from strategies import agents
from strategies.agents import Analysis, NothingToDo, Noticed, Seen, Standing
from strategies.agents.trend_score import TrendScoreParams, p_up_of, step
from strategies.errors import AgentParamsInvalid, AgentUnknown
from strategies.macro import window_at, windows_of
from tests.marketdata.factories import NOW
from tests.strategies.looks import flat_bars, make_frame, make_look, make_state


def seen_by(name: str, look: agents.Look, **params: Any) -> Seen:
    agent = agents.get(name)
    return agent.look(look, agent.validated(params))


def labels(seen: Seen) -> list[str]:
    return [note.label for note in seen.notes]


def test_a_volume_spike_tells_how_large_it_is() -> None:
    state = make_state(frames={"5m": make_frame(rvol=7.16, volume=533.7)})

    [note] = seen_by("rvol_spike", make_look(state)).notes

    assert (note.label, note.score) == ("rvol_spike", 7.16)
    assert note.details["volume_5m"] == 533.7
    assert (note.details["best_bid"], note.details["best_ask"]) == (99.99, 100.01)


def test_a_calm_market_is_noticed_by_nobody() -> None:
    look = make_look(bars={"1m": flat_bars(130), "5m": flat_bars(30)})

    for name in ("rvol_spike", "new_trend", "reversal", "liquidity"):
        assert seen_by(name, look).notes in ((), [])


@pytest.mark.parametrize("name", ["trend_score", "new_trend", "reversal", "cusum"])
def test_who_needs_more_bars_rests_instead_of_guessing(name: str) -> None:
    unknown = make_frame(mom_bps=None, px_vs_vwap_bps=None, rvol=None, atr=None, bars=0)
    state = make_state(frames=dict.fromkeys(("1m", "5m", "15m"), unknown))

    with pytest.raises(NothingToDo):
        seen_by(name, make_look(state))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-500, 500), min_size=3, max_size=3),
    st.lists(st.floats(-500, 500), min_size=3, max_size=3),
    st.floats(0, 50),
)
def test_p_up_is_a_probability_and_a_mirrored_market_gives_its_complement(
    moves: list[float], distances: list[float], rvol: float
) -> None:
    def p_up(sign: int) -> float:
        frames = {
            frame: make_frame(mom_bps=sign * move, px_vs_vwap_bps=sign * distance, rvol=rvol)
            for frame, move, distance in zip(("1m", "5m", "15m"), moves, distances, strict=True)
        }
        params = TrendScoreParams()
        found, _ = p_up_of(make_state(frames=frames), params.weights, params.mtf_weights)
        assert found is not None
        return found

    assert 0 < p_up(1) < 1
    assert p_up(1) + p_up(-1) == pytest.approx(1)


def test_a_rising_market_is_more_likely_to_rise_than_a_calm_one() -> None:
    rising = make_state(frames={"5m": make_frame(mom_bps=60.0, px_vs_vwap_bps=40.0)})
    weights = TrendScoreParams()

    calm_p, _ = p_up_of(make_state(), weights.weights, weights.mtf_weights)
    rising_p, parts = p_up_of(rising, weights.weights, weights.mtf_weights)

    assert calm_p == 0.5
    assert rising_p is not None
    assert rising_p > 0.6
    assert parts["score_5m"] > 0


def test_the_posture_turns_only_when_the_leaning_has_lasted() -> None:
    params = TrendScoreParams(persist=3)
    standing = Standing()
    views = []
    for p_up in (0.7, 0.7, 0.5, 0.7, 0.7, 0.7, 0.5, 0.4, 0.4, 0.4):
        standing = step(standing, p_up, params)
        views.append(standing.view)

    assert views == ["UNKNOWN"] * 5 + ["LONG"] * 4 + ["FLAT"]


def test_between_exit_and_entry_a_posture_stays_what_it_is() -> None:
    standing = Standing("LONG", 0.7, "LONG", 5)

    for _ in range(20):
        standing = step(standing, 0.5, TrendScoreParams(persist=1))

    assert standing.view == "LONG"


def test_a_turn_of_the_posture_is_worth_one_finding() -> None:
    up = {frame: make_frame(mom_bps=100.0, px_vs_vwap_bps=50.0) for frame in ("1m", "5m", "15m")}
    leaning = Standing("FLAT", 0.7, "LONG", 2)

    seen = seen_by("trend_score", make_look(make_state(frames=up), standing=leaning))
    again = seen_by("trend_score", make_look(make_state(frames=up), standing=seen.standing))

    assert labels(seen) == ["posture_long"]
    assert labels(again) == []
    assert again.standing is not None
    assert again.standing.count == 4


def test_a_new_trend_is_a_price_out_of_its_range_with_all_lengths_behind_it() -> None:
    up = {frame: make_frame(mom_bps=80.0) for frame in ("1m", "5m", "15m")}
    bars = {"5m": flat_bars(30, price=99.0)}

    assert labels(seen_by("new_trend", make_look(make_state(frames=up), bars=bars))) == ["trend_up"]
    mixed = {**up, "1m": make_frame(mom_bps=-80.0)}
    assert labels(seen_by("new_trend", make_look(make_state(frames=mixed), bars=bars))) == []


def test_a_reversal_is_a_long_move_taken_back_by_the_short_ones() -> None:
    frames = {
        "1m": make_frame(mom_bps=-60.0),
        "5m": make_frame(mom_bps=-60.0),
        "15m": make_frame(mom_bps=120.0),
    }

    assert labels(seen_by("reversal", make_look(make_state(frames=frames)))) == ["reversal_down"]


def test_liquidity_tells_of_a_wide_spread_and_of_a_lopsided_book() -> None:
    state = make_state(spread_bps=30.0, bid_depth=100_000.0, ask_depth=5_000.0)

    found = labels(seen_by("liquidity", make_look(state), least=10_000))

    assert found == ["spread_wide", "depth_thin", "book_bid_heavy"]


def test_the_macro_watcher_looks_only_around_its_times() -> None:
    busy = make_state(frames={"5m": make_frame(rvol=4.0)})
    at = f"CPI@{NOW.isoformat()}"

    [note] = seen_by("macro_watcher", make_look(busy), windows=[at], minutes=5).notes

    assert (note.label, note.details["event"]) == ("macro_window", "CPI")
    with pytest.raises(NothingToDo, match="outside"):
        seen_by("macro_watcher", make_look(busy), windows=["03:00"], minutes=5)
    with pytest.raises(NothingToDo, match="MACRO_WINDOWS"):
        seen_by("macro_watcher", make_look(busy))


def test_a_time_of_day_holds_around_midnight_too() -> None:
    late = datetime(2026, 3, 1, 23, 58, tzinfo=UTC)

    window = window_at(late, windows_of(["open@00:05"]), minutes=10)

    assert window is not None
    assert window.at == datetime(2026, 3, 2, 0, 5, tzinfo=UTC)
    assert window_at(late - timedelta(hours=1), windows_of(["open@00:05"]), minutes=10) is None


def drifting(change_bps: float) -> dict[str, list[CandleRow]]:
    """130 one-minute bars that wobble by 3 bps; the newest five also drift."""
    steps = [3 * sin(i * 2.3) + (change_bps if i >= 125 else 0) for i in range(130)]
    prices = [100 * (1 + total / 10_000) for total in accumulate(steps)]
    return {"1m": [(i, price, price, price, price, 1.0) for i, price in enumerate(prices)]}


def test_cusum_finds_a_change_of_the_mean_and_nothing_in_noise() -> None:
    assert labels(seen_by("cusum", make_look(bars=drifting(0)))) == []
    assert labels(seen_by("cusum", make_look(bars=drifting(+8)))) == ["mean_up"]
    assert labels(seen_by("cusum", make_look(bars=drifting(-8)))) == ["mean_down"]


class FakeAnalyst:
    def __init__(self, confidence: float) -> None:
        self.confidence = confidence
        self.asked: list[Mapping[str, Any]] = []

    def analyse(self, symbol: str, facts: Mapping[str, Any]) -> Analysis:
        self.asked.append(facts)
        return Analysis("squeeze", self.confidence, "Shorts are leaving.", "fake-1")


def test_the_llm_analyst_says_when_there_is_no_model() -> None:
    with pytest.raises(NothingToDo, match="no language model is set up"):
        seen_by("llm_analyst", make_look())


def test_the_llm_analyst_reads_strong_findings_only_and_keeps_sure_answers_only() -> None:
    strong = Noticed(NOW, "rvol_spike", "rvol_spike", 5.0, {"rvol": 5.0})
    weak = Noticed(NOW, "rvol_spike", "rvol_spike", 1.0, {})
    old = Noticed(NOW - timedelta(hours=1), "rvol_spike", "rvol_spike", 9.0, {})
    sure, unsure = FakeAnalyst(0.9), FakeAnalyst(0.2)

    [note] = seen_by("llm_analyst", make_look(findings=[strong, weak, old], analyst=sure)).notes
    nothing = seen_by("llm_analyst", make_look(findings=[strong], analyst=unsure))
    seen_by("llm_analyst", make_look(findings=[weak, old], analyst=sure))

    assert (note.label, note.score) == ("squeeze", 0.9)
    assert len(sure.asked) == 1
    assert len(sure.asked[0]["findings"]) == 1
    assert nothing.notes == ()


def test_wrong_parameters_are_refused_by_name() -> None:
    for name, params in (
        ("rvol_spike", {"least": 0}),
        ("trend_score", {"entry": 0.4, "leave": 0.6}),
        ("trend_score", {"weights": {"moon": 1.0}}),
        ("macro_watcher", {"windows": ["teatime"]}),
        ("liquidity", {"unknown": 1}),
    ):
        with pytest.raises(AgentParamsInvalid) as refused:
            agents.get(name).validated(params)
        assert refused.value.fields
    with pytest.raises(AgentUnknown):
        agents.get("oracle")
