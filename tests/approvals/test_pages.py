"""The pages of notifications, as people with browsers meet them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from approvals import services
from approvals.models import Channel, Delivery, QuietHours
from approvals.outcomes import Attempted, Outcome
from config import clock
from tests.approvals.factories import SLACK_URL, make_channel, make_delivery
from tests.console.conftest import SignIn, admin, sign_in, viewer
from tests.console.pages import command, text_of
from tests.trading.factories import NOW

__all__ = ["admin", "sign_in", "viewer"]

RULE = {"name": "ops", "min_severity": "20"}


def user_of(client: Client) -> User:
    return User.objects.get(pk=client.session["_auth_user_id"])


def test_an_empty_page_says_what_a_channel_would_do(viewer: Client) -> None:
    page = text_of(viewer.get("/notifications/"))

    assert "Nobody is told anything yet" in page
    assert "set HEARTBEAT_URL" in page


def test_a_channel_is_added_and_its_address_never_shown(viewer: Client) -> None:
    answer = viewer.post("/notifications/new/slack/", {**RULE, "url": SLACK_URL}, follow=True)

    channel = Channel.objects.get()
    assert "ops was added: test it now." in text_of(answer)
    for path in ("/notifications/", f"/notifications/{channel.pk}/", "/notifications/ledger/"):
        assert "abcdefghijklmnopqrst" not in viewer.get(path).content.decode()


def test_a_wrong_address_comes_back_with_words_and_without_the_secret(viewer: Client) -> None:
    wrong = SLACK_URL.replace("hooks.", "hook.")

    answer = viewer.post("/notifications/new/slack/", {**RULE, "url": wrong})

    assert answer.status_code == 422
    assert "An incoming webhook" in text_of(answer)
    assert "abcdefghijklmnopqrst" not in answer.content.decode()


def test_a_name_that_is_taken_is_said_at_the_name(viewer: Client) -> None:
    make_channel(by=user_of(viewer), name="ops")

    answer = viewer.post("/notifications/new/slack/", {**RULE, "url": SLACK_URL})

    assert "You have a channel of this name." in text_of(answer)


@pytest.mark.parametrize("kind", ["slack", "telegram", "email", "webhook"])
def test_each_kind_has_its_form(viewer: Client, kind: str) -> None:
    assert viewer.get(f"/notifications/new/{kind}/").status_code == 200


def test_an_unknown_kind_has_no_form(viewer: Client) -> None:
    assert viewer.get("/notifications/new/pigeon/").status_code == 404


def test_a_mail_channel_needs_both_user_and_password(viewer: Client) -> None:
    given = {"to": "a@example.org", "sender": "b@example.org", "host": "mail.example.org"}
    given |= {"port": "587", "security": "starttls", "user": "me", **RULE}

    assert "A user and a password" in text_of(viewer.post("/notifications/new/email/", given))
    viewer.post("/notifications/new/email/", {**given, "password": "secret"})
    assert Channel.objects.get().shown == "a…@example.org by mail.example.org"


def test_a_rule_is_changed(viewer: Client) -> None:
    channel = make_channel(by=user_of(viewer))

    given = {"name": "mine", "min_severity": "30", "topics": ["risk", "money"]}
    command(viewer, f"/notifications/{channel.pk}/change/", **given)

    channel.refresh_from_db()
    assert (channel.min_severity, channel.topics) == (30, ["risk", "money"])
    wrong = viewer.post(f"/notifications/{channel.pk}/change/", {**given, "min_severity": "5"})
    assert wrong.status_code == 422


def test_an_address_is_replaced(viewer: Client) -> None:
    channel = make_channel(by=user_of(viewer))

    viewer.post(f"/notifications/{channel.pk}/address/", {"url": "https://b.example.org/x"})

    channel.refresh_from_db()
    assert channel.shown == "https://b.example.org/…"
    wrong = viewer.post(f"/notifications/{channel.pk}/address/", {"url": "nowhere"})
    assert "A whole address" in text_of(wrong)


def test_a_channel_is_switched_off_and_on(viewer: Client) -> None:
    channel = make_channel(by=user_of(viewer))

    command(viewer, f"/notifications/{channel.pk}/switch/")
    assert not Channel.objects.get().enabled
    command(viewer, f"/notifications/{channel.pk}/switch/", enabled="on")
    assert Channel.objects.get().enabled


def test_a_test_is_on_its_way_and_then_in_the_ledger(viewer: Client) -> None:
    channel = make_channel(by=user_of(viewer))

    command(viewer, f"/notifications/{channel.pk}/test/")

    page = text_of(viewer.get("/notifications/ledger/"))
    assert "A test from Countersign" in page
    assert "On its way" in page


def test_a_channel_is_removed_and_the_ledger_keeps_it(viewer: Client) -> None:
    channel = make_channel(by=user_of(viewer))
    fail(make_delivery(channel))

    command(viewer, f"/notifications/{channel.pk}/remove/")

    assert viewer.get(f"/notifications/{channel.pk}/").status_code == 404
    assert "mine" in text_of(viewer.get("/notifications/ledger/"))


def fail(delivery: Delivery) -> Delivery:
    services.deliver(
        delivery_id=delivery.pk,
        now=NOW,
        later=lambda: NOW,
        send=lambda *_: Attempted(Outcome.REFUSED, 404, "The answer was HTTP 404."),
    )
    return delivery


def test_the_ledger_says_how_each_attempt_went_and_sends_again(viewer: Client) -> None:
    delivery = fail(make_delivery(make_channel(by=user_of(viewer))))

    page = text_of(viewer.get("/notifications/ledger/"))
    assert "The answer was HTTP 404." in page
    command(viewer, f"/notifications/ledger/{delivery.pk}/retry/")
    delivery.refresh_from_db()
    assert delivery.status == "QUEUED"


def test_the_ledger_is_narrowed(viewer: Client) -> None:
    fail(make_delivery(make_channel(by=user_of(viewer))))

    assert "Order rejected" in text_of(viewer.get("/notifications/ledger/?status=FAILED"))
    assert "Nothing matches" in text_of(viewer.get("/notifications/ledger/?status=SENT"))
    assert "Nothing matches" in text_of(viewer.get("/notifications/ledger/?topic=risk"))


def test_nobody_sees_what_somebody_else_is_told(sign_in: SignIn) -> None:
    channel = make_channel(name="confidant")
    delivery = fail(make_delivery(channel))
    admin = sign_in("admin")

    assert "confidant" not in text_of(admin.get("/notifications/"))
    assert "Order rejected" not in text_of(admin.get("/notifications/ledger/"))
    for path in (f"{channel.pk}/", f"{channel.pk}/test/", f"ledger/{delivery.pk}/retry/"):
        send = admin.get if path == f"{channel.pk}/" else admin.post
        assert send(f"/notifications/{path}").status_code == 404


def test_quiet_hours_are_set_and_switched_off(viewer: Client) -> None:
    given = {"start": "22:00", "end": "07:00", "zone": "Europe/Berlin", "urgent_passes": "on"}

    command(viewer, "/notifications/quiet-hours/", **given)
    assert "22:00 to 07:00 Europe/Berlin" in text_of(viewer.get("/notifications/"))
    wrong = viewer.post("/notifications/quiet-hours/", {**given, "end": "22:00"})
    assert "Not the same as the start." in text_of(wrong)
    command(viewer, "/notifications/quiet-hours/", off="1")
    assert not QuietHours.objects.exists()


SUBSCRIPTION = {
    "name": "Firefox since 2026-11-21",
    "endpoint": "https://push.example.org/secret",
    "p256dh": "B" * 87,
    "auth": "A" * 22,
}


def test_a_browser_subscribes(viewer: Client) -> None:
    answer = viewer.post("/notifications/push/", SUBSCRIPTION, headers={"HX-Request": "true"})

    channel = Channel.objects.get()
    assert answer.headers["HX-Redirect"] == f"/notifications/{channel.pk}/"
    assert channel.kind == "push"
    assert "Replace the address" not in text_of(viewer.get(f"/notifications/{channel.pk}/"))


def test_a_subscription_that_is_none_is_refused(viewer: Client) -> None:
    answer = viewer.post("/notifications/push/", {**SUBSCRIPTION, "endpoint": ""})

    assert answer.status_code == 400


def test_the_page_carries_one_and_the_same_key_for_pushes(viewer: Client) -> None:
    from approvals.outgoing.browsers import public_key

    assert len(public_key()) == 87
    assert f'key="{public_key()}"' in viewer.get("/notifications/").content.decode()


def test_the_script_of_pushes_is_at_the_root(viewer: Client) -> None:
    answer = viewer.get("/push-worker.js")

    assert answer.headers["Content-Type"] == "text/javascript"
    assert b"showNotification" in answer.content


def test_the_page_says_who_is_silent(viewer: Client, settings: Any) -> None:
    update = {"heartbeat_url": "http://127.0.0.1:9/x"}
    settings.ENV = settings.ENV.model_copy(update=update)
    services.beat_outside(now=clock.now())

    page = text_of(viewer.get("/notifications/"))
    assert "No sign of life from beat and feed." in page
