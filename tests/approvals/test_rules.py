"""Pure rules: what is told, when it is quiet, when to try again, what an address is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals import addresses, wording
from approvals.outcomes import FINAL, MAX_ATTEMPTS, Outcome, of_status, pause_after
from approvals.quiet import quiet_until
from approvals.topics import KINDS, UNTOLD, Severity, kind_of
from tests.approvals.factories import SLACK_URL, TOKEN
from tests.architecture.sources import ROOT
from tests.trading.factories import NOW


def test_every_action_of_the_audit_log_is_sorted() -> None:
    """A new action is told as it is until somebody puts it into one of the two lists."""
    page = (ROOT / "docs" / "reference" / "audit-actions.md").read_text()
    table = page[page.index("| action |") :]
    actions = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", table))

    assert actions - set(KINDS) - UNTOLD == set()
    assert set(KINDS) & UNTOLD == set()


def test_an_action_that_nobody_sorted_is_told_as_it_is() -> None:
    found = kind_of("comet.seen_again")

    assert found is not None
    assert found.title == "comet seen again"
    assert found.severity is Severity.INFO


def utc(hour: int, minute: int = 0, *, month: int = 1, day: int = 15) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def test_quiet_hours_pass_midnight_in_their_own_zone() -> None:
    hours: dict[str, Any] = {"zone": "Europe/Berlin", "start": time(22), "end": time(7)}

    assert quiet_until(utc(20, 59), **hours) is None
    assert quiet_until(utc(21), **hours) == utc(6, day=16)
    assert quiet_until(utc(5, 59), **hours) == utc(6)
    assert quiet_until(utc(6), **hours) is None


def test_quiet_hours_end_by_the_wall_clock_when_clocks_change() -> None:
    night = datetime(2026, 3, 28, 23, tzinfo=UTC)  # 00:00 in Berlin; summer time begins at 02:00

    until = quiet_until(night, zone="Europe/Berlin", start=time(22), end=time(7))

    assert until == datetime(2026, 3, 29, 5, tzinfo=UTC)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 365 * 24 * 60).map(lambda minutes: utc(0) + timedelta(minutes=minutes)),
    st.times(),
    st.times(),
    st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"]),
)
def test_quiet_hours_end_within_a_day_and_are_over_then(
    now: datetime, start: time, end: time, zone: str
) -> None:
    until = quiet_until(now, zone=zone, start=start, end=end)

    if until is not None:
        assert now <= until <= now + timedelta(hours=25)


def test_attempts_come_further_and_further_apart_and_end() -> None:
    pauses = [pause_after(Outcome.UNREACHABLE, made) for made in range(1, MAX_ATTEMPTS + 1)]

    known = [pause for pause in pauses if pause is not None]
    assert known == sorted(known)
    assert len(known) == MAX_ATTEMPTS - 1
    assert pauses[-1] is None


def test_who_is_busy_is_left_alone_for_a_minute() -> None:
    assert pause_after(Outcome.BUSY, 1) == timedelta(seconds=60)


@pytest.mark.parametrize("outcome", sorted(FINAL))
def test_what_will_be_the_same_next_time_is_not_tried_again(outcome: Outcome) -> None:
    assert pause_after(outcome, 1) is None


def test_a_redirect_is_a_refusal() -> None:
    assert of_status(302) is Outcome.REFUSED


RIGHT: dict[str, dict[str, Any]] = {
    "slack": {"url": SLACK_URL},
    "telegram": {"token": TOKEN, "chat": "-100123"},
    "email": {
        "to": "ops@example.org",
        "sender": "c@example.org",
        "host": "mail.example.org",
        "port": 587,
        "security": "starttls",
        "user": "console",
        "password": "a secret of mine",
    },
    "webhook": {"url": "https://me:passw0rd@hooks.example.org:8443/T0PSECRET?key=T0PSECRET"},
    "push": {
        "endpoint": "https://push.example.org/T0PSECRET",
        "p256dh": "B" * 87,
        "auth": "A" * 22,
    },
}
SECRETS = ("abcdefghijklmnopqrst", TOKEN.partition(":")[2], "a secret of mine", "passw0rd", "T0PS")


@pytest.mark.parametrize("kind", sorted(RIGHT))
def test_a_right_address_is_taken_and_shown_without_its_secret(kind: str) -> None:
    address, wrong = addresses.checked(kind, RIGHT[kind])

    assert wrong == {}
    assert not [secret for secret in SECRETS if secret in addresses.shown(kind, address)]


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("slack", {"url": "https://hooks.slack.com.evil.org/services/T1/B1/abcdefghijklmnopqrst"}),
        ("slack", {"url": "http://hooks.slack.com/services/T1/B1/abcdefghijklmnopqrst"}),
        ("slack", {"url": SLACK_URL + "?x=1"}),
        ("telegram", {"token": "abc"}),
        ("telegram", {"token": f"{TOKEN}/../x"}),
        ("telegram", {"chat": "a chat"}),
        ("email", {"to": "ops@example.org, all@example.org"}),
        ("email", {"to": "ops@example.org\nBcc: x@example.org"}),
        ("email", {"host": "mail example"}),
        ("email", {"port": 0}),
        ("email", {"security": "none"}),
        ("email", {"password": ""}),
        ("webhook", {"url": "file:///etc/passwd"}),
        ("webhook", {"url": "https://"}),
        ("webhook", {"url": "https://host:99999/"}),
        ("webhook", {"url": "https://host/ x"}),
        ("webhook", {"url": "https://host/\r\nX: y"}),
        ("webhook", {"url": "https://host/" + "x" * 2000}),
        ("push", {"endpoint": "http://push.example.org/x"}),
        ("push", {"auth": "not base64!"}),
    ],
)
def test_what_is_no_address_is_refused(kind: str, changes: dict[str, Any]) -> None:
    assert addresses.checked(kind, {**RIGHT[kind], **changes})[1]


def test_a_title_is_one_line_without_direction_marks() -> None:
    assert wording.title_of("Bot", "a\n\u202eb\x00") == "Bot: a b"


def test_values_are_told_only_when_wanted() -> None:
    plain: dict[str, Any] = {"reason": "why", "actor": "olga", "at": NOW}
    after = {"max_order": "7"}

    quiet = wording.body_of(**plain, before={"max_order": "5"}, after=after, verbose=False)
    loud = wording.body_of(**plain, before={"max_order": "5"}, after=after, verbose=True, missed=3)

    assert "7" not in quiet.replace("2024", "")
    assert "max order: 5 -> 7" in loud
    assert "3 more like it" in loud
