"""When an exchange that fails is asked again."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from marketdata.circuit import LONGEST_PAUSE_S, after_failure, pause_s, probe_due, probe_until
from tests.marketdata.factories import NOW

chance = st.floats(0, 1, exclude_max=True)


def test_the_third_failure_in_a_row_opens() -> None:
    opens = [
        after_failure(before, half_open=False, retry_after_s=None, jitter=0.5).opens
        for before in range(4)
    ]

    assert opens == [False, False, True, True]


def test_a_failed_probe_opens_at_once() -> None:
    assert after_failure(0, half_open=True, retry_after_s=None, jitter=0.5).opens


def test_an_exchange_that_wants_a_pause_gets_all_of_it() -> None:
    outcome = after_failure(0, half_open=False, retry_after_s=7200, jitter=0.5)

    assert outcome.opens
    assert outcome.pause_s == 7200


@given(st.integers(0, 10_000), chance)
def test_no_pause_is_longer_than_five_minutes(failures: int, jitter: float) -> None:
    assert 0 < pause_s(failures, jitter) <= LONGEST_PAUSE_S


@given(st.integers(3, 8), chance)
def test_pauses_double(failures: int, jitter: float) -> None:
    assert pause_s(failures + 1, jitter) in (2 * pause_s(failures, jitter), LONGEST_PAUSE_S)


def test_a_probe_is_due_when_its_time_has_come() -> None:
    assert probe_due(None, NOW)
    assert probe_due(NOW, NOW)
    assert not probe_due(NOW + timedelta(seconds=1), NOW)
    assert probe_until(NOW) > NOW
