"""The states of an order and the only ways between them."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest

from trading.order_state import (
    LIVE,
    NEXT,
    TERMINAL,
    UNRESOLVED,
    WORKING,
    OrderStatus,
    TransitionNotAllowed,
    after_fill,
    check_transition,
    contradicts,
)

S = OrderStatus
LATE = {S.CANCELED, S.NOT_SENT, S.REJECTED, S.EXPIRED}


def test_every_state_says_what_may_follow_it() -> None:
    assert set(NEXT) == set(S)


@pytest.mark.parametrize(("old", "new"), list(product(S, S)))
def test_only_listed_steps_are_allowed(old: OrderStatus, new: OrderStatus) -> None:
    if new in NEXT[old]:
        check_transition(old, new)
    else:
        with pytest.raises(TransitionNotAllowed):
            check_transition(old, new)


def test_every_state_is_either_over_or_live() -> None:
    assert set(S) == TERMINAL | LIVE
    assert not TERMINAL & LIVE
    assert {S.NEW} | UNRESOLVED | WORKING == LIVE


def test_nothing_returns_to_new_and_nothing_is_sent_twice() -> None:
    assert all(S.NEW not in after for after in NEXT.values())
    assert [old for old, after in NEXT.items() if S.SUBMITTING in after] == [S.NEW]


def test_an_order_without_an_answer_is_never_denied_or_sent_again() -> None:
    for status in UNRESOLVED:
        assert not NEXT[status] & {S.NEW, S.DENIED, S.SUBMITTING}


def test_a_verdict_gives_way_only_to_evidence_of_life() -> None:
    for status in TERMINAL:
        assert NEXT[status] <= {S.OPEN, S.PARTIAL, S.FILLED}
    assert NEXT[S.FILLED] == NEXT[S.DENIED] == frozenset()


@pytest.mark.parametrize(("old", "new"), [(old, new) for old in S for new in sorted(NEXT[old])])
def test_exactly_the_late_steps_contradict_a_verdict(old: OrderStatus, new: OrderStatus) -> None:
    assert contradicts(old, new) == (old in LATE)


@pytest.mark.parametrize(
    ("filled", "status"), [("0.1", S.PARTIAL), ("1", S.FILLED), ("1.1", S.FILLED)]
)
def test_an_order_is_filled_when_its_fills_add_up(filled: str, status: OrderStatus) -> None:
    assert after_fill(filled=Decimal(filled), qty=Decimal(1)) == status
