"""What open pages look at, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import RedisError

from config import bus
from marketdata import queries, viewing
from tests.marketdata.factories import NOW, make_symbol

pytestmark = pytest.mark.usefixtures("clean_bus")


def test_what_a_page_looks_at_is_known_for_a_minute() -> None:
    viewing.note_viewed([7, 3], NOW)

    assert viewing.viewed_ids(NOW + timedelta(seconds=59)) == [3, 7]
    assert viewing.viewed_ids(NOW + timedelta(seconds=61)) == []


def test_a_page_that_stays_open_keeps_its_symbols() -> None:
    viewing.note_viewed([7, 3], NOW)
    viewing.note_viewed([7], NOW + timedelta(seconds=50))

    assert viewing.viewed_ids(NOW + timedelta(seconds=90)) == [7]


def test_symbols_that_nobody_looks_at_leave_nothing_behind() -> None:
    viewing.note_viewed([7], NOW)
    viewing.note_viewed([8], NOW + timedelta(hours=1))

    assert bus.client().zcard(viewing.VIEWED) == 1


def test_the_newest_two_hundred_count() -> None:
    viewing.note_viewed(range(300, 500), NOW)
    viewing.note_viewed([1], NOW + timedelta(seconds=1))

    found = viewing.viewed_ids(NOW + timedelta(seconds=2))
    assert len(found) == viewing.MOST_VIEWED
    assert found[0] == 1


def test_without_a_bus_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> object:
        raise RedisError("no bus")

    with monkeypatch.context() as patch:
        patch.setattr(bus, "client", away)
        assert not viewing.note_viewed([7], NOW)
        assert viewing.viewed_ids(NOW) == []


@pytest.mark.django_db
def test_the_feed_follows_what_is_watched_and_what_is_looked_at() -> None:
    watched = make_symbol("BTC/USDT", watched=True)
    viewed = make_symbol("ETH/USDT")
    make_symbol("BNB/USDT")
    halted = make_symbol("XRP/USDT", status="HALTED")
    viewing.note_viewed([viewed.pk, halted.pk], NOW)

    assert list(queries.followed_symbols("simulated", NOW)) == [watched, viewed]
