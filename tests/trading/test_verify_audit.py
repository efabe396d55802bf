"""The audit log is append-only by trigger, and verification finds what got past that."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import override_settings

from tests.forging import without
from tests.trading.factories import NOW
from trading import audit_triggers, services
from trading.models import AuditEvent

INSERT = (
    "INSERT INTO trading_auditevent (id, seq, at, actor, actor_kind, action, subject, before,"
    " after, reason, correlation_id, prev_hash, hash, mac) SELECT %(id)s, %(seq)s, at, actor,"
    " actor_kind, action, subject, before, after, reason, correlation_id, %(prev_hash)s,"
    " %(hash)s, mac FROM trading_auditevent WHERE seq = 2"
)


def events(n: int = 5) -> list[AuditEvent]:
    return [
        services.record(
            action="bot.started", subject=f"bot:{number}", by=None, now=NOW, after={"n": number}
        )
        for number in range(1, n + 1)
    ]


def execute(statement: str, params: dict[str, int | str] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def tamper(*statements: str) -> None:
    """Change the table as its owner could: without its triggers."""
    with without(audit_triggers.TRIGGERS):
        for statement in statements:
            execute(statement)


def problems() -> list[str]:
    return services.verify_audit(now=NOW).problems


# The database refuses


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trading_auditevent SET reason = 'x'",
        "UPDATE trading_auditevent SET reason = 'x' WHERE seq = 1",
        "DELETE FROM trading_auditevent",
        "DELETE FROM trading_auditevent WHERE seq = 5",
    ],
)
def test_the_database_changes_and_removes_no_event(statement: str) -> None:
    events()

    with pytest.raises(DatabaseError, match="append-only"):
        execute(statement)

    assert AuditEvent.objects.count() == 5
    assert services.verify_audit(now=NOW).ok


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("same", ["id", "seq", "hash", "prev_hash"])
def test_no_event_is_replaced(same: str) -> None:
    first, _ = events(2)
    fresh: dict[str, int | str] = {"id": 99, "seq": 99, "hash": "f" * 64, "prev_hash": "e" * 64}
    fresh[same] = getattr(first, same)
    sqlite = connection.vendor == "sqlite"

    with pytest.raises(DatabaseError):
        execute(INSERT.replace("INSERT", "INSERT OR REPLACE") if sqlite else INSERT, fresh)

    assert AuditEvent.objects.get(pk=first.pk).hash == first.hash
    assert AuditEvent.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_table_is_not_truncated() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    events()

    with pytest.raises(DatabaseError, match="append-only"):
        execute("TRUNCATE trading_auditevent")


@pytest.mark.django_db(transaction=True)
def test_a_replica_session_does_not_get_past_the_triggers() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("a PostgreSQL way around triggers")
    events()

    with transaction.atomic():
        execute("SET LOCAL session_replication_role = replica")
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            execute("DELETE FROM trading_auditevent")


# Verification finds


@pytest.mark.django_db
def test_a_whole_log_verifies() -> None:
    last = events()[-1]

    verdict = services.verify_audit(now=NOW)

    assert (verdict.ok, verdict.events, verdict.head, verdict.problems) == (True, 5, last.hash, [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "UPDATE trading_auditevent SET reason = 'x' WHERE seq = 3",
            "event 3: its content was changed",
        ),
        (
            "UPDATE trading_auditevent SET actor = 'me' WHERE seq = 5",
            "event 5: its content was changed",
        ),
        ("DELETE FROM trading_auditevent WHERE seq = 3", "event 4: events 3 to 3 are missing"),
        ("DELETE FROM trading_auditevent WHERE seq = 1", "event 2: events 1 to 1 are missing"),
        ("UPDATE trading_auditevent SET mac = hash WHERE seq = 2", "event 2: its seal is not ours"),
    ],
)
def test_verification_names_the_event_that_was_touched(statement: str, found: str) -> None:
    events()

    tamper(statement)

    assert found in problems()


@pytest.mark.django_db(transaction=True)
def test_swapped_events_are_found() -> None:
    events()

    tamper(
        "UPDATE trading_auditevent SET seq = 99 WHERE seq = 2",
        "UPDATE trading_auditevent SET seq = 2 WHERE seq = 3",
        "UPDATE trading_auditevent SET seq = 3 WHERE seq = 99",
    )

    assert {problem.split(":")[0] for problem in problems()} >= {"event 2", "event 3"}


@pytest.mark.django_db(transaction=True)
def test_a_cut_tail_is_found_by_the_exported_head() -> None:
    events()
    services.export_head(now=NOW)

    tamper("DELETE FROM trading_auditevent WHERE seq > 3")

    assert problems() == ["event 5: was exported but is gone or other"]


@pytest.mark.django_db(transaction=True)
def test_a_tail_that_was_written_anew_is_found_too() -> None:
    events()
    services.export_head(now=NOW)
    tamper("DELETE FROM trading_auditevent WHERE seq > 3")

    services.record(action="bot.stopped", subject="bot:1", by=None, now=NOW)
    services.record(action="bot.stopped", subject="bot:2", by=None, now=NOW)

    assert problems() == ["event 5: was exported but is gone or other"]


@pytest.mark.django_db
def test_a_log_sealed_with_another_key_is_not_ours() -> None:
    with override_settings(AUDIT_KEY="theirs"):
        events(2)

    assert problems() == ["event 1: its seal is not ours", "event 2: its seal is not ours"]


@pytest.mark.django_db
def test_a_head_is_exported_once_and_a_forged_one_is_seen() -> None:
    last = events()[-1]
    for _ in range(3):
        path = services.export_head(now=NOW)
    assert len(path.read_text().splitlines()) == 1

    path.write_text(path.read_text().replace(last.mac, "0" * 64))

    assert problems() == ["exported head 5: its seal is not ours"]


@pytest.mark.django_db
def test_a_torn_line_of_the_heads_is_reported_and_stops_nothing() -> None:
    events()
    path = services.export_head(now=NOW)
    with path.open("a") as file:
        file.write('{"seq": 9, "ha')
    events(1)

    services.export_head(now=NOW)
    services.export_head(now=NOW)

    assert len(path.read_text().splitlines()) == 3
    assert problems() == ["exported heads, line 2: can't be read"]
