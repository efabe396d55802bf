"""Questions to an exchange: repeated with pauses, stopped by a circuit that all processes share."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from marketdata.errors import CircuitOpen, ExchangeUnavailable, SymbolUnknown
from marketdata.models import Circuit
from marketdata.services import ask
from tests.marketdata.factories import NOW, FakeExchange

pytestmark = pytest.mark.django_db

State = Circuit.State


class Line:
    """A connection that says what it is told to say; the pauses between are noted, not slept."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.pauses: list[float] = []
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def asked(line: Line, *, after_s: float = 0, attempts: int = 3) -> str:
    return ask(
        exchange=FakeExchange(),
        call=line,
        now=NOW + timedelta(seconds=after_s),
        attempts=attempts,
        sleep=line.pauses.append,
    )


def down(*, retry_after_s: float | None = None) -> ExchangeUnavailable:
    return ExchangeUnavailable("no answer", retry_after_s=retry_after_s)


def circuit() -> Circuit:
    return Circuit.objects.get(pk="fake")


def paused_s() -> float:
    retry_at = circuit().retry_at
    assert retry_at is not None
    return (retry_at - NOW).total_seconds()


def test_an_answer_leaves_no_trace() -> None:
    assert asked(Line("fine")) == "fine"
    assert not Circuit.objects.exists()


def test_a_silent_exchange_is_asked_again_after_growing_pauses() -> None:
    line = Line(down(), down(), "fine")

    assert asked(line) == "fine"
    assert len(line.pauses) == 2
    assert 0.5 <= line.pauses[0] < line.pauses[1] <= 2.5
    assert (circuit().state, circuit().failures) == (State.CLOSED, 0)


def test_three_failures_open_the_circuit_and_nobody_asks_any_more() -> None:
    with pytest.raises(ExchangeUnavailable):
        asked(Line(down(), down(), down()))
    line = Line("fine")

    with pytest.raises(CircuitOpen) as caught:
        asked(line)

    assert circuit().state == State.OPEN
    assert line.calls == 0
    assert caught.value.retry_after_s is not None


def test_after_the_pause_one_call_probes_and_closes_the_circuit() -> None:
    with pytest.raises(ExchangeUnavailable):
        asked(Line(down(), down(), down()))

    assert asked(Line("fine"), after_s=10) == "fine"
    assert (circuit().state, circuit().failures) == (State.CLOSED, 0)


def test_while_one_probes_the_others_wait() -> None:
    Circuit.objects.create(
        exchange="fake", state=State.OPEN, failures=3, retry_at=NOW, changed_at=NOW
    )

    def meanwhile() -> str:
        with pytest.raises(CircuitOpen):
            asked(Line("fine"))
        return "probed"

    assert ask(exchange=FakeExchange(), call=meanwhile, now=NOW) == "probed"


def test_a_probe_that_died_is_followed_by_another_one() -> None:
    Circuit.objects.create(
        exchange="fake",
        state=State.HALF_OPEN,
        failures=3,
        retry_at=NOW + timedelta(seconds=60),
        changed_at=NOW,
    )

    with pytest.raises(CircuitOpen):
        asked(Line("fine"), after_s=59)
    assert asked(Line("fine"), after_s=61) == "fine"


def test_a_failed_probe_opens_again_for_longer() -> None:
    Circuit.objects.create(
        exchange="fake", state=State.OPEN, failures=5, retry_at=NOW, changed_at=NOW
    )

    with pytest.raises(ExchangeUnavailable):
        asked(Line(down()), attempts=1)

    assert (circuit().state, circuit().failures) == (State.OPEN, 6)
    assert paused_s() >= 8


def test_a_429_is_respected_and_opens_at_once() -> None:
    line = Line(down(retry_after_s=120), "too soon")

    with pytest.raises(ExchangeUnavailable):
        asked(line)

    assert line.calls == 1, "a wait that is too long for this call is not begun"
    assert paused_s() == pytest.approx(120, abs=1)


def test_a_refusal_is_an_answer() -> None:
    Circuit.objects.create(exchange="fake", failures=2, changed_at=NOW)
    line = Line(SymbolUnknown("no such pair"))

    with pytest.raises(SymbolUnknown):
        asked(line)

    assert line.calls == 1
    assert circuit().failures == 0


def test_a_local_exchange_needs_no_circuit(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    exchange = FakeExchange()
    exchange.local = True

    with django_assert_num_queries(0):
        assert ask(exchange=exchange, call=lambda: "fine", now=NOW) == "fine"
