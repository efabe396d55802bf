"""Which prints are missing, by their numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from marketdata.exchanges import trade_sequence
from marketdata.exchanges.trade_sequence import TradeSequence


@given(st.lists(st.integers(0, 60), min_size=1, max_size=120))
def test_every_number_counts_once_and_the_holes_are_the_rest(numbers: list[int]) -> None:
    sequence, first = TradeSequence(counted=True), numbers[0]
    taken = [number for number in numbers if sequence.take(str(number))]

    later = [number for number in numbers if number >= first]
    assert sorted(taken) == sorted(set(later))
    wanted = set(range(first, max(later) + 1)) - set(later)
    assert sequence.missing == len(wanted)
    assert {n for a, b in sequence.holes for n in range(a, b + 1)} == wanted
    assert sequence.duplicates == len(numbers) - len(taken)
    assert all(sequence.knows(str(number)) for number in later)
    assert not any(sequence.knows(str(number)) for number in wanted)


def test_holes_are_bounded() -> None:
    sequence = TradeSequence(counted=True)
    for number in range(0, 1_000, 2):
        sequence.take(str(number))

    assert len(sequence.holes) == trade_sequence.MOST_HOLES


def test_what_is_remembered_of_uncounted_ids_is_bounded() -> None:
    sequence = TradeSequence(counted=False)
    for number in range(trade_sequence.RECENT + 10):
        assert sequence.take(f"id-{number}")

    assert not sequence.knows("id-3")
    assert sequence.knows("id-20")
    assert sequence.begun
    assert sequence.missing == 0
