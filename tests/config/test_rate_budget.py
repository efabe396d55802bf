"""One budget for all: never above a ceiling, cancels always have their part, silence is kept."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import bus
from config.rate_budget import PARTS, Priority, RateBudget, Window
from config.rate_windows import Counters

START_MS = 1_800_000_000_000
TEN_S = Window("test:weight", 10_000, 100)
PLACES = ["on the bus", "alone"]


class Clock:
    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms


class NoBus:
    """A bus that is away."""

    def register_script(self, script: str) -> Any:
        raise ConnectionError("away")


def budget_at(place: str, clock: Clock | None = None, share: float = 1.0) -> RateBudget:
    redis = NoBus() if place == "alone" else None
    return RateBudget(share=share, now_ms=clock, redis=redis)


@pytest.fixture(autouse=True)
def empty_bus() -> Iterator[None]:
    bus.client().flushdb()
    yield
    bus.client().flushdb()


def take(budget: RateBudget, priority: Priority, cost: int = 1, window: Window = TEN_S) -> bool:
    return budget.take(["test"], [(window, cost)], priority).granted


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 7, 400, 833, 834, 2_500, 9_999, 10_000, 60_000]),
        st.sampled_from(list(Priority)),
        st.integers(1, 60),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_no_stretch_as_long_as_a_window_holds_more_than_the_ceiling_of_who_was_granted(
    steps: list[tuple[int, Priority, int]],
) -> None:
    bus.client().flushdb()
    clock = Clock()
    budget = budget_at("on the bus", clock)
    granted: list[tuple[int, int]] = []
    for pause_ms, priority, cost in steps:
        clock.ms += pause_ms
        if take(budget, priority, cost):
            granted.append((clock.ms, cost))
            lately = sum(n for at, n in granted if at > clock.ms - TEN_S.period_ms)
            assert lately <= TEN_S.limit * PARTS[priority]


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_what_others_use_never_takes_the_part_of_the_cancels(
    steps: list[tuple[int, Priority, int]],
) -> None:
    bus.client().flushdb()
    clock = Clock()
    budget = budget_at("on the bus", clock)
    others = [each for each in steps if each[1] is not Priority.CANCEL]
    for pause_ms, priority, cost in others:
        clock.ms += pause_ms
        take(budget, priority, cost)
        left = budget.take([], [(TEN_S, 5)], Priority.CANCEL)
        assert left.granted  # 5 of 100 are above everybody else's ceiling
        clock.ms += 20_000  # the cancel's own weight is forgotten again


@settings(max_examples=150, deadline=None)
@given(STEPS, st.lists(st.integers(-30_000, 200), max_size=3))
def test_a_process_alone_counts_as_the_scripts_on_the_bus_do(
    steps: list[tuple[int, Priority, int]], jumps: list[int]
) -> None:
    bus.client().flushdb()
    clock = Clock()
    shared, alone = budget_at("on the bus", clock), Counters(clock)
    for number, (pause_ms, priority, cost) in enumerate(steps):
        clock.ms += pause_ms + (jumps[number % len(jumps)] if jumps and number % 9 == 8 else 0)
        charge = shared._charge(TEN_S, cost, priority)
        mine = alone.take(["rate:closed:test"], [charge])
        theirs = shared.take(["test"], [(TEN_S, cost)], priority)
        assert (mine.granted, mine.closed, mine.wait_ms) == (
            theirs.granted,
            theirs.closed,
            theirs.wait_ms,
        )
        if number % 7 == 6:
            shared.note([(TEN_S, 70)])
            alone.note([_reading(70)])


def _reading(used: int) -> Any:
    from config.rate_windows import Reading

    return Reading(TEN_S.key, TEN_S.period_ms, used)


def test_threads_together_take_no_more_than_there_is() -> None:
    budget = budget_at("on the bus")
    window = Window("test:threads", 60_000, 200)
    granted: list[bool] = []

    def ask() -> None:
        mine = [take(budget, Priority.CANCEL, 1, window) for _ in range(60)]
        granted.extend(mine)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 200


PROCESS = """
from tests.private_stores import prepare_environment
import os, sys
import redis
from config.rate_budget import Priority, RateBudget, Window
client = redis.Redis.from_url(sys.argv[1])
budget = RateBudget(share=1.0, redis=client)
window = Window("test:processes", 60_000, 300)
print(sum(budget.take([], [(window, 1)], Priority.READ).granted for _ in range(150)))
"""


def test_processes_together_take_no_more_than_there_is() -> None:
    url = _url()
    asking = [
        subprocess.Popen([sys.executable, "-c", PROCESS, url], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    granted = [int(process.communicate(timeout=60)[0]) for process in asking]
    assert sum(granted) == 180  # reads may use six tenths of 300


def _url() -> str:
    from django.conf import settings as django_settings

    from config.database import redis_url

    return redis_url(django_settings.REDIS_URL, 2)


@pytest.mark.parametrize("place", PLACES)
def test_cancels_and_look_ups_pass_when_reads_have_used_everything_up(place: str) -> None:
    budget = budget_at(place, Clock())
    while take(budget, Priority.READ):
        pass
    while take(budget, Priority.ENTRY):
        pass
    assert not take(budget, Priority.READ)
    assert take(budget, Priority.LOOK_UP, 4)
    assert take(budget, Priority.CANCEL)


def test_a_sale_still_leaves_when_no_purchase_may() -> None:
    budget = budget_at("on the bus", Clock())
    while take(budget, Priority.ENTRY):
        pass
    assert take(budget, Priority.EXIT)


@pytest.mark.parametrize("place", PLACES)
def test_who_waits_as_long_as_told_is_granted(place: str) -> None:
    clock = Clock()
    budget = budget_at(place, clock)
    while take(budget, Priority.READ, 7):
        clock.ms += 311
    refused = budget.take([], [(TEN_S, 7)], Priority.READ)
    clock.ms += refused.wait_ms - 1
    assert not take(budget, Priority.READ, 7)
    clock.ms += 1
    assert take(budget, Priority.READ, 7)


def test_a_call_takes_from_all_its_windows_or_from_none() -> None:
    budget = budget_at("on the bus", Clock())
    orders = Window("test:orders", 10_000, 1)
    both = [(TEN_S, 1), (orders, 1)]
    assert budget.take([], both, Priority.CANCEL).granted
    assert not budget.take([], both, Priority.CANCEL).granted
    assert [use.used for use in budget.look("test", [TEN_S, orders])] == [1, 1]


@pytest.mark.parametrize("place", PLACES)
def test_what_the_exchange_counted_wins_where_it_is_more(place: str) -> None:
    budget = budget_at(place, Clock())
    take(budget, Priority.CANCEL, 10)
    budget.note([(TEN_S, 99)])
    budget.note([(TEN_S, 40)])  # an older answer that came late
    (use,) = budget.look("test", [TEN_S])
    assert use.used == 99
    assert not take(budget, Priority.ENTRY)


@pytest.mark.parametrize("place", PLACES)
def test_a_closed_gate_lets_nobody_through_until_its_time_is_over(place: str) -> None:
    clock = Clock()
    budget = budget_at(place, clock)
    budget.close("test", seconds=120)
    budget.close("test", seconds=1)  # shorter: it changes nothing
    refused = budget.take(["test"], [(TEN_S, 1)], Priority.CANCEL)
    assert (refused.closed, refused.wait_ms) == (True, 120_000)
    clock.ms += 119_999
    assert not take(budget, Priority.CANCEL)
    clock.ms += 1
    assert take(budget, Priority.CANCEL)


def test_a_gate_that_one_process_closed_is_closed_for_the_others() -> None:
    clock = Clock()
    budget_at("on the bus", clock).close("test", seconds=30)
    assert budget_at("on the bus", clock).take(["test"], [], Priority.CANCEL).closed


def test_a_bus_that_was_emptied_does_not_open_the_gate_of_who_closed_it() -> None:
    clock = Clock()
    budget = budget_at("on the bus", clock)
    budget.close("test", seconds=30)
    bus.client().flushdb()
    assert not take(budget, Priority.CANCEL)


@pytest.mark.parametrize("place", PLACES)
def test_a_clock_that_is_set_back_neither_frees_nor_blocks_for_long(place: str) -> None:
    clock = Clock()
    budget = budget_at(place, clock)
    while take(budget, Priority.CANCEL):
        pass
    budget.close("test", seconds=5)
    clock.ms -= 3_600_000
    waited_s = 0
    while not take(budget, Priority.CANCEL):
        clock.ms += 1_000
        waited_s += 1
    assert 10 <= waited_s <= 22  # silence and weight of before count as of now, once


def test_while_the_bus_is_away_orders_are_bounded_to_a_quarter_and_cancels_are_not() -> None:
    budget = budget_at("alone", Clock())
    entries = 0
    while take(budget, Priority.ENTRY):
        entries += 1
    assert entries == 100 * 0.8 / 4
    assert all(take(budget, Priority.CANCEL) for _ in range(100 - entries))
    assert budget.is_alone


def test_the_bus_is_asked_again_when_it_was_away_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    budget = budget_at("on the bus", Clock())
    monkeypatch.setattr("config.bus.client", lambda timeout_s: NoBus())
    assert take(budget, Priority.READ)
    monkeypatch.undo()
    assert budget.is_alone
    budget._away_until = 0.0
    assert take(budget, Priority.READ)
    assert not budget.is_alone


def test_a_share_leaves_the_rest_to_others_of_the_same_address() -> None:
    budget = budget_at("on the bus", Clock(), share=0.5)
    assert not take(budget, Priority.CANCEL, 51)
    assert take(budget, Priority.CANCEL, 50)
