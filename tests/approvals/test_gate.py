"""The gate of answers: every vector that ever got through somewhere, and a fuzz on top."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.advisor import gate
from approvals.advisor.gate import Change, GateRefused, Ground, Proposal, Refused
from strategies import registry
from strategies.errors import ParamsInvalid

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TREND = registry.get("trend_ema")
CURRENT = {**TREND.validated({"stop_loss": 0.1}).model_dump()}
BOUNDS = gate.bounds_of(TREND.schema(), CURRENT)


def clash(changed: Mapping[str, Any]) -> str:
    try:
        TREND.validated({**CURRENT, **changed})
    except ParamsInvalid as refusal:
        return refusal.detail
    return ""


def ground(*history: Change) -> Ground:
    return Ground(3, BOUNDS, history, NOW, clash)


def delta(param: str = "fast", before: Any = 12, after: Any = 14) -> dict[str, Any]:
    return {"param": param, "from": before, "to": after}


def told(*deltas: Any, **changes: Any) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "base_version": 3,
        "deltas": list(deltas) or [delta()],
        "rationale": "Fewer whipsaws.",
        "confidence": 0.6,
        "risks": ["Later entries."],
        "expected_effect": "Fewer trades.",
        **changes,
    }


def packed(answer: Any) -> bytes:
    return json.dumps(answer).encode()


def refused(content: bytes, *history: Change) -> Refused:
    with pytest.raises(GateRefused) as caught:
        gate.check(content, ground(*history))
    assert len(caught.value.reason) <= 200
    assert caught.value.reason.isprintable()
    return caught.value.code


VALID = packed(told())


def test_a_good_answer_is_a_proposal() -> None:
    assert gate.check(VALID, ground()) == Proposal(
        deltas=(gate.Delta("fast", 12, 14),),
        rationale="Fewer whipsaws.",
        confidence=0.6,
        risks=("Later entries.",),
        expected_effect="Fewer trades.",
    )


@pytest.mark.parametrize(
    "answer",
    [
        told(delta("buffer", 1, 1.2)),  # a whole number where a float is stored
        told(delta("buffer", 1.0, 1)) | {"deltas": [delta("buffer", 1.0, 1.1), delta()]},
        told(schema_version=1.0),  # a Literal compares equal; it changes nothing
        told(
            delta(), delta("slow", 26, 30), delta("buffer", 1.0, 0.8), delta("patience", 200, 180)
        ),
        told(rationale="Zwei Zeilen:\nweniger Fehltrades \u2013 gut."),
        told(confidence=0),
        told(confidence=1),
    ],
)
def test_what_is_unusual_but_means_one_thing_passes(answer: Any) -> None:
    assert gate.check(packed(answer), ground()).deltas


VECTORS: dict[str, tuple[bytes, Refused]] = {
    "prose and JSON": (b"Here it is: " + VALID, Refused.NOT_JSON),
    "JSON and prose": (VALID + b" I hope this helps", Refused.NOT_JSON),
    "fenced JSON": (b"```json\n" + VALID + b"\n```", Refused.NOT_JSON),
    "two objects": (VALID + VALID, Refused.NOT_JSON),
    "truncated": (VALID[:-9], Refused.NOT_JSON),
    "NaN": (packed(told(confidence=float("nan"))), Refused.NOT_FINITE),
    "infinity": (packed(told(confidence=float("inf"))), Refused.NOT_FINITE),
    "1e999": (VALID.replace(b"0.6", b"1e999"), Refused.NOT_FINITE),
    "a key twice": (
        VALID.replace(b'"confidence": 0.6', b'"confidence": 0.6, "confidence": 0.9'),
        Refused.DUPLICATE_KEY,
    ),
    "a key twice in a delta": (
        VALID.replace(b'"to": 14', b'"to": 14, "to": 15'),
        Refused.DUPLICATE_KEY,
    ),
    "an extra key": (packed(told(auto_approve=True)), Refused.SCHEMA),
    "an extra key in a delta": (packed(told(delta() | {"force": True})), Refused.SCHEMA),
    "an unknown parameter": (packed(told(delta("live_mode", 0, 1))), Refused.PARAM_UNKNOWN),
    "a homoglyph": (packed(told(delta("f\u0430st", 12, 14))), Refused.PARAM_UNKNOWN),
    "text as a number": (packed(told(delta(after="14"))), Refused.SCHEMA),
    "a boolean as a number": (packed(told(delta(after=True))), Refused.SCHEMA),
    "a boolean as from": (packed(told(delta(before=True))), Refused.SCHEMA),
    "null as a number": (packed(told(delta(after=None))), Refused.SCHEMA),
    "below the bounds": (packed(told(delta(after=1))), Refused.OUT_OF_BOUNDS),
    "above the bounds": (packed(told(delta(after=999))), Refused.OUT_OF_BOUNDS),
    "far above the bounds": (packed(told(delta(after=10**40))), Refused.OUT_OF_BOUNDS),
    "a float far above the bounds": (
        packed(told(delta("buffer", 1, 1e300))),
        Refused.OUT_OF_BOUNDS,
    ),
    "a step of 100 %": (packed(told(delta(after=24))), Refused.STEP_TOO_LARGE),
    "a step of 26 %": (packed(told(delta("patience", 200, 252))), Refused.STEP_TOO_LARGE),
    "a step of 25 % of a loss limit": (
        packed(told(delta("stop_loss", 0.1, 0.125))),
        Refused.STEP_TOO_LARGE,
    ),
    "a loss limit switched off": (packed(told(delta("stop_loss", 0.1, 0))), Refused.STEP_TOO_LARGE),
    "something switched on": (packed(told(delta("trailing", 0, 0.005))), Refused.STEP_TOO_LARGE),
    "nothing": (packed(told(delta(after=12))), Refused.NO_OP),
    "a wrong from": (packed(told(delta(before=11))), Refused.STALE_VALUE),
    "a fraction for a whole number": (packed(told(delta(after=13.5))), Refused.NOT_WHOLE),
    "a float for a whole number": (packed(told(delta(after=14.0))), Refused.NOT_WHOLE),
    "between two steps": (packed(told(delta("buffer", 1.0, 1.07))), Refused.OFF_STEP),
    "an old version": (packed(told(base_version=2)), Refused.STALE_VERSION),
    "a parameter twice": (packed(told(delta(), delta(after=13))), Refused.PARAM_TWICE),
    "no delta": (packed(told() | {"deltas": []}), Refused.SCHEMA),
    "five deltas": (packed(told(*[delta()] * 5)), Refused.SCHEMA),
    "confidence 1.01": (packed(told(confidence=1.01)), Refused.SCHEMA),
    "confidence as text": (packed(told(confidence="high")), Refused.SCHEMA),
    "another schema": (packed(told(schema_version=2)), Refused.SCHEMA),
    "true as the schema": (packed(told(schema_version=True)), Refused.SCHEMA),
    "a version as a float": (packed(told(base_version=3.0)), Refused.SCHEMA),
    "bidi in the rationale": (packed(told(rationale="ok \u202e ko")), Refused.CONTROL_CHARACTER),
    "a zero-width mark in a risk": (packed(told(risks=["a\u200bb"])), Refused.CONTROL_CHARACTER),
    "a bell": (packed(told(expected_effect="a\u0007")), Refused.CONTROL_CHARACTER),
    "a lone surrogate": (packed(told(rationale="\ud800")), Refused.SCHEMA),
    "a raw lone surrogate": (
        VALID.replace(b"Fewer w", "\ud800".encode("utf-8", "surrogatepass")),
        Refused.NOT_UTF8,
    ),
    "100,000 deep": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, Refused.TOO_LARGE),
    "as deep as fits": (b"[" * 32_000, Refused.TOO_DEEP),
    "200 kB": (packed(told(rationale="x" * 200_000)), Refused.TOO_LARGE),
    "a long rationale": (packed(told(rationale="x" * 2001)), Refused.SCHEMA),
    "a 5,000 digit integer": (VALID.replace(b"14", b"1" * 5000), Refused.NOT_JSON),
    "UTF-16": (VALID.decode().encode("utf-16"), Refused.NOT_UTF8),
    "UTF-16 without a mark": (VALID.decode().encode("utf-16-le"), Refused.NOT_JSON),
    "a byte order mark": (b"\xef\xbb\xbf" + VALID, Refused.NOT_JSON),
    "null": (b"null", Refused.SCHEMA),
    "a list": (b"[" + VALID + b"]", Refused.SCHEMA),
    "nothing at all": (b"", Refused.NOT_JSON),
}


@pytest.mark.parametrize("name", VECTORS)
def test_each_vector_is_refused_with_its_code(name: str) -> None:
    content, code = VECTORS[name]

    assert refused(content) == code


def test_averages_that_would_cross_are_refused() -> None:
    low, high, step, current = Decimal(2), Decimal(200), Decimal(1), Decimal(16)
    close = {**BOUNDS, "slow": gate.Bound("slow", True, low, high, step, current)}
    answer = told(delta("fast", 12, 15), delta("slow", 16, 14))

    with pytest.raises(GateRefused) as caught:
        gate.check(packed(answer), Ground(3, close, (), NOW, clash))
    assert caught.value.code == Refused.PARAMS_CLASH


def change(param: str, hours: float, before: str, after: str) -> Change:
    return Change(param, NOW - timedelta(hours=hours), Decimal(before), Decimal(after))


def test_a_parameter_rests_for_a_day_after_a_change() -> None:
    assert refused(VALID, change("fast", 23.9, "10", "12")) == Refused.COOLING_DOWN
    assert gate.check(VALID, ground(change("fast", 24.1, "11", "12")))
    assert gate.check(VALID, ground(change("slow", 1, "20", "26")))


def test_all_steps_of_thirty_days_together_stay_below_half() -> None:
    steps = [change("fast", 48, "10", "12"), change("fast", 72, "8", "10")]  # 20 % and 25 %

    assert refused(VALID, *steps) == Refused.TOO_MUCH_IN_WINDOW
    assert gate.check(VALID, ground(steps[0]))
    assert gate.check(VALID, ground(steps[0], change("fast", 24 * 31, "8", "10")))


def test_going_to_and_fro_uses_up_the_window_too() -> None:
    steps = [change("fast", 48, "12", "9"), change("fast", 72, "9", "12")]

    assert refused(VALID, *steps) == Refused.TOO_MUCH_IN_WINDOW


def test_a_reason_shows_nothing_that_acts() -> None:
    name = "<img src=http://x/>\u202e"[:60]
    with pytest.raises(GateRefused) as caught:
        gate.check(packed(told(delta(name, 1, 2))), ground())

    assert caught.value.reason.isascii()


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NUMBERS = (
    st.integers(-(10**30), 10**30)
    | st.floats()
    | st.sampled_from(
        [v for b in BOUNDS.values() for v in (float(b.current), int(b.current), float(b.low))]
    )
)
DELTAS = st.fixed_dictionaries(
    {
        "param": st.sampled_from([*BOUNDS, "live_mode", "risk_per_trade"]) | st.text(max_size=9),
        "from": NUMBERS | JUNK,
        "to": NUMBERS | JUNK,
    }
)
# Mostly right, so that it gets far; then each part may be anything.
ANSWERS = st.fixed_dictionaries(
    {
        "schema_version": st.just(1) | JUNK,
        "base_version": st.just(3) | JUNK,
        "deltas": st.lists(DELTAS, max_size=5) | st.lists(
            st.sampled_from(sorted(BOUNDS)).flatmap(
                lambda name: st.fixed_dictionaries(
                    {
                        "param": st.just(name),
                        "from": st.just(
                            int(BOUNDS[name].current)
                            if BOUNDS[name].whole
                            else float(BOUNDS[name].current)
                        ),
                        "to": st.integers(0, 300) | st.floats(0, 6) | st.sampled_from([11, 13, 14]),
                    }
                )
            ),
            min_size=1,
            max_size=4,
        ),
        "rationale": st.text(min_size=1, max_size=60) | JUNK,
        "confidence": st.floats(0, 1) | JUNK,
        "risks": st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=3) | JUNK,
        "expected_effect": st.just("Fewer trades.") | JUNK,
    }
)  # fmt: skip


def _holds(content: bytes) -> bool:
    """Whatever comes: a refusal with a code, or a proposal inside every bound."""
    try:
        proposal = gate.check(content, ground())
    except GateRefused:
        return False
    assert 1 <= len(proposal.deltas) <= 4
    for one in proposal.deltas:
        bound = BOUNDS[one.param]
        after = Decimal(repr(one.after))
        assert bound.low <= after <= bound.high
        assert 0 < abs(after - bound.current) <= bound.most_step * abs(bound.current)
        assert isinstance(one.after, int) or not bound.whole
    assert not clash({one.param: one.after for one in proposal.deltas})
    return True


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(ANSWERS)
def test_whatever_a_hijacked_model_says_stays_inside_the_bounds(answer: Any) -> None:
    _holds(json.dumps(answer).encode())


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(VALID)), st.integers(0, 40))
def test_whatever_bytes_come_nothing_breaks(junk: bytes, place: int, cut: int) -> None:
    _holds(VALID[:place] + junk + VALID[place + cut :])


def test_the_schema_for_the_model_closes_every_object() -> None:
    from approvals.advisor.wires import strict_schema

    schema = strict_schema(gate.AnswerIn.model_json_schema())

    assert schema["additionalProperties"] is False
    assert schema["properties"]["deltas"]["items"]["required"] == ["param", "from", "to"]
    assert "maximum" not in json.dumps(schema)
