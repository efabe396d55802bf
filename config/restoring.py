"""Back to a copy: beside what there is, prepared and stopped, then in its place in one step."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from sqlite3 import DatabaseError, connect

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from config.backup import STAMP, BackupNote, BackupRefused, checked_copy, read_note, run_tool, sync
from trading import services
from trading.models import Heartbeat

ALIVE = timedelta(seconds=20)  # a process that showed itself so lately is at work


def restore_backup(*, copy: Path, now: datetime, say: Callable[[str], object]) -> None:
    """Make `copy` the database, in EMERGENCY_STOP until somebody has compared and resumes.

    Nothing may run meanwhile. What was there before stays beside it. Refuses BackupRefused.
    """
    note = read_note(copy)
    if note.vendor != connection.vendor:
        raise BackupRefused(f"{copy} is of {note.vendor}, this console uses {connection.vendor}.")
    _check_known(note)
    if connection.vendor == "sqlite":
        _restore_sqlite(copy, note, now, say)
    else:
        _restore_postgres(copy, note, now, say)
    say("EMERGENCY_STOP until an administrator resumes: let the accounts be reconciled first.")


def _check_known(note: BackupNote) -> None:
    known = {".".join(key) for key in MigrationLoader(None).disk_migrations}
    if newer := sorted(set(note.migrations) - known):
        raise BackupRefused(f"The copy is of a newer version: {newer[0]} is not known here.")


def _restore_sqlite(
    copy: Path, note: BackupNote, now: datetime, say: Callable[[str], object]
) -> None:
    database = Path(connection.settings_dict["NAME"])
    with _alone(settings.STATE_DIR):
        staged = database.with_name(database.name + ".restoring")
        for path in (staged, *_logs(staged)):
            path.unlink(missing_ok=True)
        shutil.copyfile(copy, staged)
        checked_copy(staged)
        connection.close()
        connection.settings_dict["NAME"] = staged
        try:
            _stop_what_is_restored(note, now)
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
            connection.settings_dict["NAME"] = database
        sync(staged)
        kept = _set_aside(database, now)
        os.replace(staged, database)
        if kept:
            say(f"What was there before is {kept}")


def _restore_postgres(
    copy: Path, note: BackupNote, now: datetime, say: Callable[[str], object]
) -> None:
    if at_work := _at_work(now):
        raise BackupRefused(f"The console is at work ({', '.join(at_work)}): stop it first.")
    name = f"--dbname={connection.settings_dict['NAME']}"
    connection.close()
    how = ("--clean", "--if-exists", "--no-owner", "--single-transaction")
    run_tool("pg_restore", *how, name, str(copy))
    _stop_what_is_restored(note, now)


def _at_work(now: datetime) -> list[str]:
    """Processes that showed themselves lately; none where there is no table yet."""
    if Heartbeat._meta.db_table not in connection.introspection.table_names():
        return []
    alive = Heartbeat.objects.filter(at__gt=now - ALIVE)
    return sorted(alive.values_list("process", flat=True))


def _stop_what_is_restored(note: BackupNote, now: datetime) -> None:
    call_command("migrate", verbosity=0, interactive=False)
    services.stop_restored(taken_at=note.taken_at, now=now)


def _set_aside(database: Path, now: datetime) -> Path | None:
    """What is there, its log put into it first; it stays in its place until it is replaced."""
    if not database.exists():
        return None
    kept = database.with_name(f"replaced-{now.strftime(STAMP)}.sqlite3")
    try:
        with closing(connect(database)) as old:
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except DatabaseError:  # damaged: its log goes along as it is
        for log in _logs(database):
            if log.exists():
                os.replace(log, kept.with_name(kept.name + log.name.removeprefix(database.name)))
    kept.unlink(missing_ok=True)
    os.link(database, kept)
    for log in _logs(database):
        log.unlink(missing_ok=True)
    return kept


def _logs(database: Path) -> list[Path]:
    return [database.with_name(database.name + end) for end in ("-wal", "-shm")]


@contextmanager
def _alone(state_dir: Path) -> Iterator[None]:
    """The lock that a running console holds. Refuses BackupRefused while there is one."""
    with (state_dir / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRefused(f"A console is running on {state_dir}: stop it first.") from None
        yield
