"""One feed at work: whoever holds the lease, and only while it is renewed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from marketdata.services import LEASE_S, claim_lease, lease_holder, release_lease
from tests.marketdata.factories import NOW

pytestmark = pytest.mark.django_db


def claim(holder: str, after_s: float = 0) -> bool:
    return claim_lease(holder=holder, now=NOW + timedelta(seconds=after_s))


def test_the_first_gets_it_and_keeps_it_by_renewing() -> None:
    assert lease_holder() is None
    assert claim("one")
    assert not claim("two")
    assert claim("one", after_s=LEASE_S - 1)
    assert not claim("two", after_s=LEASE_S + 1)
    assert lease_holder() == "one"


def test_a_dead_one_is_followed_within_ten_seconds() -> None:
    claim("one")

    assert not claim("two", after_s=LEASE_S - 1)
    assert claim("two", after_s=LEASE_S)
    assert not claim("one", after_s=LEASE_S + 1)
    assert LEASE_S <= 8


def test_who_goes_lets_the_next_one_in_at_once() -> None:
    claim("one")
    release_lease(holder="two", now=NOW)
    assert not claim("two")

    release_lease(holder="one", now=NOW)

    assert claim("two")
