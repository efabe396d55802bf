"""Backups: taken while others write, proved before they are named, restored into a stop."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from config import backup
from config.backup import BackupRefused, read_note, take_backup
from config.restoring import restore_backup
from tests.trading.factories import make_bot
from trading import services
from trading.models import AuditEvent, Bot, HaltRequest, SystemState

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SQLITE = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not SQLITE and not shutil.which("pg_dump"), reason="needs pg_dump"),
]


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    return tmp_path / "copies"


@pytest.fixture
def own_state(tmp_path: Path, settings: Any) -> None:
    settings.STATE_DIR = tmp_path


def _event(subject: str, now: datetime = NOW) -> None:
    services.record(action="bot.started", subject=subject, by=None, now=now)


def test_a_copy_holds_what_was_committed_and_its_note_names_the_newest_event(copies: Path) -> None:
    _event("bot:1")

    copy = take_backup(folder=copies, now=NOW)

    note = read_note(copy)
    head = AuditEvent.objects.latest("seq")
    assert (note.seq, note.head) == (head.seq, head.hash)
    assert note.migrations == backup.applied_migrations()
    assert copy.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in copies.iterdir()) == [copy.name, f"{copy.name}.json"]


@pytest.mark.skipif(not SQLITE, reason="SQLite's log is what gets lost")
def test_a_copy_has_what_lies_in_the_log_only(copies: Path) -> None:
    """Whoever copies the file alone goes back in time; a backup doesn't."""
    _event("bot:1")
    bare = copies.with_name("bare.sqlite3")
    shutil.copyfile(connection.settings_dict["NAME"], bare)

    copy = take_backup(folder=copies, now=NOW)

    with sqlite3.connect(copy) as whole:
        assert whole.execute("SELECT count(*) FROM trading_auditevent").fetchone() == (1,)
    with sqlite3.connect(bare) as file:
        assert file.execute("SELECT count(*) FROM trading_auditevent").fetchone() == (0,)


def test_the_same_moment_overwrites_no_copy(copies: Path) -> None:
    take_backup(folder=copies, now=NOW)

    with pytest.raises(BackupRefused, match="exists already"):
        take_backup(folder=copies, now=NOW)


def test_only_the_newest_stay_when_asked(copies: Path) -> None:
    for day in (1, 2, 3):
        take_backup(folder=copies, now=NOW.replace(day=day), keep=2)

    kept = sorted(path.name for path in copies.iterdir() if path.suffix != ".json")
    assert [name[12:20] for name in kept] == ["20260302", "20260303"]
    assert len(list(copies.glob("*.json"))) == 2


def test_a_copy_that_was_cut_short_or_changed_is_refused(copies: Path) -> None:
    copy = take_backup(folder=copies, now=NOW)
    content = copy.read_bytes()

    for broken in (content[:-100], content[:500] + b"x" + content[501:]):
        copy.write_bytes(broken)
        with pytest.raises(BackupRefused, match="cut short, or changed"):
            read_note(copy)


def test_a_copy_without_its_note_is_refused(copies: Path) -> None:
    copy = take_backup(folder=copies, now=NOW)
    backup.note_of(copy).unlink()

    with pytest.raises(CommandError, match="is not there"):
        call_command("restore", str(copy))


def test_a_copy_of_a_newer_version_is_refused(copies: Path, own_state: None) -> None:
    copy = take_backup(folder=copies, now=NOW)
    note = orjson.loads(backup.note_of(copy).read_bytes())
    note["migrations"].append("trading.9999_from_the_future")
    backup.note_of(copy).write_bytes(orjson.dumps(note))

    with pytest.raises(BackupRefused, match="newer version"):
        restore_backup(copy=copy, now=LATER, say=print)


@pytest.mark.skipif(not SQLITE, reason="the embedded console's lock")
def test_nothing_is_restored_under_a_running_console(copies: Path, own_state: None) -> None:
    copy = take_backup(folder=copies, now=NOW)
    before = Path(connection.settings_dict["NAME"]).stat().st_ino
    with (settings.STATE_DIR / "up.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(BackupRefused, match="stop it first"):
            restore_backup(copy=copy, now=LATER, say=print)

    assert Path(connection.settings_dict["NAME"]).stat().st_ino == before


def test_a_restored_console_stands_still_until_somebody_has_looked(
    copies: Path, own_state: None
) -> None:
    bot = make_bot()
    services.ensure_system_state(now=NOW)
    Bot.objects.filter(pk=bot.pk).update(status=Bot.Status.RUNNING)
    _event("bot:1")
    services.export_head(now=NOW)
    copy = take_backup(folder=copies, now=NOW)
    _event("lost", LATER)
    services.export_head(now=LATER)
    lost = AuditEvent.objects.latest("seq")

    said: list[str] = []
    restore_backup(copy=copy, now=LATER, say=said.append)

    state = SystemState.objects.get(pk=1)
    assert state.state == SystemState.State.EMERGENCY_STOP
    assert "Restored as of 2026-03-01T12:00:00" in state.reason
    assert HaltRequest.objects.filter(lifted_at=None).count() == 1
    assert Bot.objects.get(pk=bot.pk).status == Bot.Status.STOPPED
    assert not AuditEvent.objects.filter(subject="lost").exists()
    told = AuditEvent.objects.latest("seq")
    assert told.action == "database.restored"
    assert told.after is not None
    assert told.after["lost_head"] == {"seq": lost.seq, "hash": lost.hash}
    assert services.verify_audit(now=LATER).ok
    assert "EMERGENCY_STOP" in said[-1]


@pytest.mark.skipif(not SQLITE, reason="PostgreSQL replaces its rows in one transaction")
def test_what_was_there_before_a_restore_is_kept_whole(copies: Path, own_state: None) -> None:
    services.ensure_system_state(now=NOW)
    copy = take_backup(folder=copies, now=NOW)
    _event("lost", LATER)

    restore_backup(copy=copy, now=LATER, say=print)

    folder = Path(connection.settings_dict["NAME"]).parent
    kept = folder / "replaced-20260302T120000Z.sqlite3"
    with sqlite3.connect(kept) as old:
        assert old.execute("SELECT subject FROM trading_auditevent").fetchall() == [("lost",)]
    kept.unlink()


@pytest.mark.skipif(not SQLITE, reason="a file that others write")
def test_a_backup_under_writers_is_whole(copies: Path) -> None:
    """Each pair of rows is committed together: a copy never holds one of them."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE pairs (n INTEGER)")
    code = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)\n"
        "print('at work', flush=True)\n"
        "while True:\n"
        "    db.execute('BEGIN IMMEDIATE')\n"
        "    db.execute('INSERT INTO pairs VALUES (1)')\n"
        "    db.execute('INSERT INTO pairs VALUES (2)')\n"
        "    db.execute('COMMIT')\n"
    )
    name = str(connection.settings_dict["NAME"])
    writer = subprocess.Popen([sys.executable, "-c", code, name], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        writer.stdout.readline()
        for second in range(5):
            copy = take_backup(folder=copies, now=NOW.replace(second=second))
            with sqlite3.connect(copy) as whole:
                counts = dict(whole.execute("SELECT n, count(*) FROM pairs GROUP BY n").fetchall())
            assert counts.get(1, 0) == counts.get(2, 0)
    finally:
        writer.kill()
        writer.communicate()
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE pairs")
    assert os.listdir(copies)
