"""Channels belong to people; their addresses are sealed, shown masked, and never audited."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest

from approvals import services
from approvals.errors import (
    ChannelFixed,
    ChannelInvalid,
    ChannelTestedJustNow,
    ChannelUnknown,
    QuietHoursInvalid,
)
from approvals.models import Channel, DeadMansSwitch, Delivery, QuietHours
from approvals.outcomes import Attempted, Outcome
from approvals.queries import channels_of
from approvals.services._channels import address_of
from tests.approvals.factories import SLACK_URL, TOKEN, make_channel, make_delivery, make_person
from tests.trading.factories import NOW
from trading.models import AuditEvent, Heartbeat
from trading.services import keyring

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_seals(tmp_path: Path, settings: Any) -> None:
    settings.STATE_DIR = tmp_path


def test_the_address_lies_sealed_and_opens_again() -> None:
    channel = make_channel()

    assert "secret-path" not in channel.sealed_address
    assert address_of(channel) == {"url": "https://hooks.example.org/secret-path"}


def test_neither_list_nor_audit_log_hold_the_address() -> None:
    channel = make_channel()

    event = AuditEvent.objects.get(action="channel.added")
    assert "secret-path" not in f"{channel.shown} {event.after}"


def test_a_wrong_address_is_refused_by_field() -> None:
    with pytest.raises(ChannelInvalid) as refused:
        make_channel(given={"url": "ftp://x"}, name=" ", topics=("weather",))

    assert set(refused.value.fields) == {"url", "name", "topics"}


def test_two_channels_of_a_person_need_two_names() -> None:
    person = make_person()
    make_channel(by=person)

    with pytest.raises(ChannelInvalid):
        make_channel(by=person)
    make_channel(by=make_person("admin"))


def test_there_is_a_most_of_channels() -> None:
    person = make_person()
    for number in range(20):
        make_channel(by=person, name=f"channel {number}")

    with pytest.raises(ChannelInvalid):
        make_channel(by=person, name="one more")


def test_somebody_else_s_channel_is_not_there_not_even_for_an_admin() -> None:
    channel, admin = make_channel(), make_person("admin")

    assert list(channels_of(admin)) == []
    for verb in (services.test_channel, services.remove_channel):
        with pytest.raises(ChannelUnknown):
            verb(channel_id=channel.pk, by=admin, now=NOW)


def test_a_change_mends_a_channel_that_was_closed() -> None:
    person = make_person()
    channel = make_channel(by=person)
    Channel.objects.update(closed_until=NOW + timedelta(hours=1), problem="x", failing_since=NOW)

    services.change_channel(
        channel_id=channel.pk,
        changes={"min_severity": 30},
        given={"url": "https://new.example.org/other"},
        by=person,
        now=NOW,
    )

    channel.refresh_from_db()
    assert (channel.closed_until, channel.problem, channel.min_severity) == (None, "", 30)
    assert channel.shown == "https://new.example.org/…"
    assert address_of(channel)["url"] == "https://new.example.org/other"


def test_a_removed_channel_forgets_its_address_and_what_waits() -> None:
    person = make_person()
    channel = make_channel(by=person)
    make_delivery(channel)

    services.remove_channel(channel_id=channel.pk, by=person, now=NOW)

    channel.refresh_from_db()
    assert channel.sealed_address == ""
    assert Delivery.objects.count() == 0


def test_a_test_passes_the_rule_and_the_quiet_hours() -> None:
    person = make_person()
    channel = make_channel(by=person, min_severity=30)
    services.set_quiet_hours(
        zone="UTC", start=time(0), end=time(23), urgent_passes=False, by=person, now=NOW
    )

    delivery = services.test_channel(channel_id=channel.pk, by=person, now=NOW)

    assert delivery.due_at == NOW


def test_tests_can_not_be_used_to_knock_on_doors() -> None:
    person = make_person()
    channel = make_channel(by=person)
    services.test_channel(channel_id=channel.pk, by=person, now=NOW)

    with pytest.raises(ChannelTestedJustNow):
        services.test_channel(channel_id=channel.pk, by=person, now=NOW + timedelta(seconds=9))


def test_a_channel_that_is_off_is_not_tested() -> None:
    person = make_person()
    channel = make_channel(by=person)
    services.change_channel(channel_id=channel.pk, changes={"enabled": False}, by=person, now=NOW)

    with pytest.raises(ChannelInvalid):
        services.test_channel(channel_id=channel.pk, by=person, now=NOW)


def test_addresses_are_sealed_again_under_a_new_key() -> None:
    channel = make_channel()
    keyring().add_key()

    assert services.reseal_channels(by=None, now=NOW) == 1
    assert services.reseal_channels(by=None, now=NOW) == 0
    channel.refresh_from_db()
    assert address_of(channel)["url"].endswith("secret-path")


@pytest.fixture
def house(settings: Any) -> Any:
    def give(**env: Any) -> None:
        settings.ENV = settings.ENV.model_copy(update=env)

    return give


def test_the_environment_gives_the_house_its_channels(house: Any) -> None:
    house(alert_webhook_url=SLACK_URL, telegram_bot_token=TOKEN, telegram_chat_id="-1")
    services.sync_house_channels(now=NOW)
    services.sync_house_channels(now=NOW)

    assert {row.kind for row in Channel.objects.filter(user=None)} == {"slack", "telegram"}
    house(telegram_bot_token="")
    services.sync_house_channels(now=NOW)
    assert Channel.objects.get(user=None, removed_at=None).kind == "slack"


def test_another_webhook_of_the_house_gets_json(house: Any) -> None:
    house(alert_webhook_url="https://chat.example.org/hooks/x", alert_verbose=True)

    (channel,) = services.sync_house_channels(now=NOW)

    assert (channel.kind, channel.min_severity) == ("webhook", 10)


def test_only_an_admin_sees_the_house_s_channels_and_none_changes_them(house: Any) -> None:
    house(alert_webhook_url=SLACK_URL)
    (channel,) = services.sync_house_channels(now=NOW)
    admin = make_person("admin")

    assert list(channels_of(make_person())) == []
    assert list(channels_of(admin)) == [channel]
    services.test_channel(channel_id=channel.pk, by=admin, now=NOW)
    with pytest.raises(ChannelFixed):
        services.remove_channel(channel_id=channel.pk, by=admin, now=NOW)


@pytest.mark.parametrize(("zone", "end"), [("Mars/Olympus", time(7)), ("UTC", time(22))])
def test_quiet_hours_need_a_zone_and_an_end(zone: str, end: time) -> None:
    with pytest.raises(QuietHoursInvalid):
        services.set_quiet_hours(
            zone=zone, start=time(22), end=end, urgent_passes=True, by=make_person(), now=NOW
        )


def test_quiet_hours_are_a_person_s_own_and_can_go() -> None:
    person = make_person()
    hours: dict[str, Any] = {"zone": "UTC", "start": time(22), "urgent_passes": True}
    services.set_quiet_hours(end=time(6), by=person, now=NOW, **hours)
    services.set_quiet_hours(end=time(7), by=person, now=NOW, **hours)

    assert QuietHours.objects.get().end == time(7)
    services.clear_quiet_hours(by=person, now=NOW)
    assert not QuietHours.objects.exists()


class Outside:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, url: str) -> Attempted:
        self.asked.append(url)
        return Attempted(Outcome.SENT)


def alive(*processes: str) -> None:
    for process in processes:
        Heartbeat.objects.create(process=process, at=NOW)


def test_the_heartbeat_leaves_while_all_are_alive(house: Any) -> None:
    house(heartbeat_url="http://127.0.0.1/beat")
    alive("beat", "feed")
    outside = Outside()

    services.beat_outside(now=NOW, ping=outside)

    assert outside.asked == ["http://127.0.0.1/beat"]
    assert DeadMansSwitch.objects.get().sent_at == NOW


def test_the_heartbeat_is_withheld_when_a_process_is_silent(house: Any) -> None:
    house(heartbeat_url="http://127.0.0.1/beat")
    alive("beat")
    outside = Outside()

    services.beat_outside(now=NOW, ping=outside)

    assert outside.asked == []
    assert DeadMansSwitch.objects.get().withheld == "No sign of life from feed."


def test_there_is_no_heartbeat_without_an_address() -> None:
    assert services.beat_outside(now=NOW, ping=Outside()) is None
