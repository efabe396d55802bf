"""Messages leave in the wire format of each service, and never for a private network."""

from __future__ import annotations

import base64
import os
import socket
import time
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import http_ece
import pytest
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from approvals import addresses, outgoing
from approvals.guard import AddressRefused, guarded, is_public
from approvals.outcomes import Attempted, Outcome
from approvals.outgoing import channels
from approvals.outgoing.browsers import public_key
from tests.approvals.factories import LOOPBACK, MESSAGE, SLACK_URL, TOKEN
from tests.approvals.listeners import Listener, http_listener, mail_server


@pytest.fixture
def listener() -> Iterator[Listener]:
    with http_listener() as found:
        yield found


def sent(kind: str, given: dict[str, Any], **changes: Any) -> Attempted:
    address, wrong = addresses.checked(kind, given)
    assert wrong == {}
    return outgoing.send(kind, address, MESSAGE, **{"networks": LOOPBACK, **changes})


def to_webhook(listener: Listener, path: str = "/in", **changes: Any) -> Attempted:
    return sent("webhook", {"url": listener.url + path}, **changes)


def test_a_webhook_gets_json_at_its_exact_address(listener: Listener) -> None:
    result = to_webhook(listener, "/a%20b/c?token=x%2Fy&token=z")

    assert result == Attempted(Outcome.SENT)
    assert listener.got[0].path == "/a%20b/c?token=x%2Fy&token=z"
    body = listener.got[0].json
    assert body["title"] == "Order rejected"
    assert body["message"] == "too small"
    assert (body["topic"], body["severity"], body["ref"]) == ("orders", "warning", "7")


def test_slack_gets_its_format(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NotifySlack, "webhook_url", f"{listener.url}/services")

    assert sent("slack", {"url": SLACK_URL}).outcome is Outcome.SENT
    assert listener.got[0].path == SLACK_URL.removeprefix("https://hooks.slack.com")
    assert "too small" in str(listener.got[0].json["attachments"])


def test_a_name_can_not_call_everybody_in_slack(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NotifySlack, "webhook_url", f"{listener.url}/services")
    monkeypatch.setattr("tests.approvals.test_outgoing.MESSAGE", loud())

    sent("slack", {"url": SLACK_URL})

    assert b"<!channel>" not in listener.got[0].body


def loud() -> outgoing.Message:
    return outgoing.Message("<!channel>", "<!channel> <http://x|y>", "orders", 30, MESSAGE.at, "8")


def test_telegram_gets_its_format(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    listener.answer = b'{"ok": true}'
    monkeypatch.setattr(NotifyTelegram, "notify_url", f"{listener.url}/bot")

    assert sent("telegram", {"token": TOKEN, "chat": "-100123"}).outcome is Outcome.SENT
    assert listener.got[0].path == f"/bot{TOKEN}/sendMessage"
    assert str(listener.got[0].json["chat_id"]) == "-100123"
    assert "too small" in listener.got[0].json["text"]


def mail_address(port: int, **changes: Any) -> dict[str, Any]:
    plain = {"host": "127.0.0.1", "port": port, "security": "insecure"}
    people = {"to": "ops@example.org", "sender": "console@example.org"}
    return {**plain, **people, "user": "", "password": "", **changes}


def test_mail_gets_its_format() -> None:
    with mail_server() as mails:
        result = sent("email", mail_address(mails.port, user="me", password="p%41ss/:@"))

    assert result.outcome is Outcome.SENT
    assert mails.recipients == ["RCPT TO:<ops@example.org>"] or "ops@example.org" in str(
        mails.recipients
    )
    assert "Subject: Order rejected" in mails.mails[0]
    assert "Auto-Submitted: auto-generated" in mails.mails[0]


@pytest.mark.parametrize(
    ("refuse", "outcome", "status"),
    [
        ({"AUTH": b"535 wrong password"}, Outcome.REFUSED, 535),
        ({"RCPT": b"451 come back later"}, Outcome.FAILING, 451),
        ({"DATA": b"554 no"}, Outcome.REFUSED, 554),
    ],
)
def test_a_mail_server_that_refuses_says_why(
    refuse: dict[str, bytes], outcome: Outcome, status: int
) -> None:
    with mail_server(refuse=refuse) as mails:
        result = sent("email", mail_address(mails.port, user="me", password="wrong"))

    assert (result.outcome, result.status) == (outcome, status)


@pytest.fixture
def browser() -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    return ec.generate_private_key(ec.SECP256R1()), os.urandom(16)


def subscription(browser: tuple[ec.EllipticCurvePrivateKey, bytes], endpoint: str) -> Any:
    point = (
        browser[0]
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )
    return {"endpoint": endpoint, "p256dh": text_of(point), "auth": text_of(browser[1])}


def text_of(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_push_is_encrypted_for_its_browser_and_signed_by_us(
    listener: Listener, browser: tuple[ec.EllipticCurvePrivateKey, bytes]
) -> None:
    listener.status = 201
    address = subscription(browser, f"{listener.url}/push/abc")

    assert outgoing.send("push", address, MESSAGE, networks=LOOPBACK).outcome is Outcome.SENT
    got = listener.got[0]
    assert got.headers["authorization"].startswith("vapid t=")
    assert f"k={public_key()}" in got.headers["authorization"].replace(" ", "")
    opened = http_ece.decrypt(got.body, private_key=browser[0], auth_secret=browser[1])
    assert b"Order rejected" in opened
    assert b"Order rejected" not in got.body


def test_a_subscription_that_ended_is_gone(
    listener: Listener, browser: tuple[ec.EllipticCurvePrivateKey, bytes]
) -> None:
    listener.status = 410
    address = subscription(browser, f"{listener.url}/push/abc")

    result = outgoing.send("push", address, MESSAGE, networks=LOOPBACK)

    assert (result.outcome, result.status) == (Outcome.GONE, 410)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (429, Outcome.BUSY),
        (500, Outcome.FAILING),
        (503, Outcome.FAILING),
        (400, Outcome.REFUSED),
        (404, Outcome.REFUSED),
    ],
)
def test_an_answer_is_sorted_by_its_status(
    listener: Listener, status: int, outcome: Outcome
) -> None:
    listener.status = status

    assert to_webhook(listener).outcome is outcome
    assert to_webhook(listener).status == status


def test_rubbish_is_not_taken_for_a_yes(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener.status, listener.answer = 500, b"\x00\xff<html>" * 1000
    monkeypatch.setattr(NotifyTelegram, "notify_url", f"{listener.url}/bot")

    result = sent("telegram", {"token": TOKEN, "chat": "1"})

    assert result.outcome is Outcome.FAILING
    assert "html" not in result.detail


def test_a_connection_that_breaks_off_is_unreachable(listener: Listener) -> None:
    listener.drop = True

    assert to_webhook(listener).outcome is Outcome.UNREACHABLE


def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    assert sent("webhook", {"url": f"http://127.0.0.1:{port}/"}).outcome is Outcome.UNREACHABLE


def test_a_slow_answer_is_given_up(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    listener.pause_s = 2
    monkeypatch.setattr(channels, "READ_S", 0.2)
    began = time.monotonic()

    assert to_webhook(listener).outcome is Outcome.UNREACHABLE
    assert time.monotonic() - began < 1.5


def test_a_redirect_is_not_followed(listener: Listener) -> None:
    with http_listener() as inner:
        listener.status, listener.headers = 302, {"Location": f"{inner.url}/secret"}
        result = to_webhook(listener)

    assert (result.outcome, result.status) == (Outcome.REFUSED, 302)
    assert inner.got == []


def test_a_private_address_is_refused_and_nothing_connects(listener: Listener) -> None:
    result = to_webhook(listener, networks=())

    assert result.outcome is Outcome.ADDRESS_REFUSED
    assert listener.got == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1", "localhost"])
def test_other_spellings_of_loopback_are_refused(listener: Listener, host: str) -> None:
    given = {"url": f"http://{host}:{listener.port}/"}

    assert sent("webhook", given, networks=()).outcome is Outcome.ADDRESS_REFUSED
    assert listener.got == []


def test_a_mail_server_in_a_private_network_is_refused() -> None:
    with mail_server() as mails:
        result = sent("email", mail_address(mails.port), networks=())

    assert result.outcome is Outcome.ADDRESS_REFUSED
    assert mails.mails == []


def test_a_push_service_in_a_private_network_is_refused(
    listener: Listener, browser: tuple[ec.EllipticCurvePrivateKey, bytes]
) -> None:
    address = subscription(browser, f"{listener.url}/push/abc")

    assert outgoing.send("push", address, MESSAGE, networks=()).outcome is Outcome.ADDRESS_REFUSED
    assert listener.got == []


def test_a_name_that_resolves_otherwise_the_second_time_gains_nothing(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address that is connected to is what counts, not what a look beforehand found."""
    real, answers = socket.getaddrinfo, iter(["93.184.216.34", "127.0.0.1"])

    def rebinding(host: Any, *rest: Any, **named: Any) -> Any:
        return real(next(answers) if host == "rebind.example" else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    socket.getaddrinfo("rebind.example", 80)

    given = {"url": f"http://rebind.example:{listener.port}/"}
    assert sent("webhook", given, networks=()).outcome is Outcome.ADDRESS_REFUSED
    assert listener.got == []


def test_a_proxy_of_the_environment_is_not_used(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_listener() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        assert to_webhook(listener).outcome is Outcome.SENT

    assert proxy.got == []


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "224.0.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "::1",
        "::",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:1::1",
        "fc00::1",
        "fe80::1",
        "fe80::1%eth0",
        "ff02::1",
        "a.name",
        "",
    ],
)
def test_what_is_not_of_the_open_internet_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_the_open_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_the_guard_ends_with_its_block(listener: Listener) -> None:
    with guarded(()) as guard, pytest.raises(AddressRefused):
        socket.create_connection(("127.0.0.1", listener.port), timeout=1)
    assert guard.refused

    socket.create_connection(("127.0.0.1", listener.port), timeout=1).close()


def test_a_network_of_the_setting_is_let_through(listener: Listener) -> None:
    with guarded((ip_network("127.0.0.0/8"),)):
        socket.create_connection(("127.0.0.1", listener.port), timeout=1).close()


def test_what_the_library_logs_reaches_no_log_of_ours(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level("DEBUG"):
        sent("slack", {"url": SLACK_URL}, networks=())

    said = caplog.text + "".join(capfd.readouterr())
    assert "abcdefghijklmnopqrstuvwx" not in said


def test_the_heartbeat_is_a_get(listener: Listener) -> None:
    assert outgoing.ping(f"{listener.url}/beat/1").outcome is Outcome.SENT
    assert listener.got[0].method == "GET"
    assert listener.got[0].path == "/beat/1"
    listener.status = 404
    assert outgoing.ping(listener.url).status == 404
