"""Each minute: exchanges' clocks are read, and people hear of grants that ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings as project
from pytest_django import Settings

from tests.exchange.emulator import Emulator
from tests.trading.live_desk import LiveDesk, make_live_desk, set_env
from trading import services
from trading.models import AuditEvent, ExchangeAccount, LiveGrant
from trading.tasks import watch_live

pytestmark = pytest.mark.django_db


@pytest.fixture
def emulator(settings: Settings) -> Iterator[Emulator]:
    with Emulator("binance") as emulator:
        set_env(settings, binance_base_url=emulator.url)
        yield emulator


@pytest.fixture
def desk(settings: Settings, emulator: Emulator) -> LiveDesk:
    return make_live_desk(settings, key=emulator.key.key, secret=emulator.key.secret)


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))


def test_a_clock_that_goes_wrong_is_told_of_once(desk: LiveDesk, emulator: Emulator) -> None:
    emulator.skew_ms = 3_000

    for minute in (1, 2):
        assert services.watch_live(now=desk.at(minutes=minute)).clocks == 1

    assert 2_000 < ExchangeAccount.objects.get().offset_ms < 4_000
    assert actions().count("account.clock_off") == 1


def test_two_beats_ask_once(desk: LiveDesk) -> None:
    assert services.watch_live(now=desk.at(minutes=1)).clocks == 1
    assert services.watch_live(now=desk.at(minutes=1, seconds=20)).clocks == 0


def test_a_grant_is_ended_though_the_exchange_is_away(desk: LiveDesk, emulator: Emulator) -> None:
    desk.go_live()
    emulator.go_down()

    watched = services.watch_live(now=desk.at(hours=24))

    assert (watched.ended, watched.clocks) == (1, 0)
    assert "grant.expired" in actions()


def test_beat_sends_it_each_minute(desk: LiveDesk) -> None:
    desk.go_live()
    LiveGrant.objects.update(expires_at=desk.at(minutes=-1))

    watch_live()

    assert "grant.expired" in actions()
    entry = project.CELERY_BEAT_SCHEDULE["watch-live"]
    assert (entry["task"], entry["schedule"]) == (watch_live.name, 60.0)
