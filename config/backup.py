"""Whole copies of the database, taken while everything runs, with a note that proves them."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from trading.queries import audit_events

STAMP = "%Y%m%dT%H%M%SZ"


class BackupRefused(Exception):
    """Nothing was written, or nothing was changed; the text says why. Only commands meet it."""


@dataclass(frozen=True, slots=True)
class BackupNote:
    """What lies beside a copy as `<copy>.json`; `head` is the newest audit event in it."""

    taken_at: str
    vendor: str
    sha256: str
    size: int
    seq: int
    head: str
    migrations: list[str]  # "app.name"


def take_backup(*, folder: Path, now: datetime, keep: int = 0) -> Path:
    """A copy in `folder`, checked and written to the disk; with `keep` only the newest stay.

    Named countersign-<UTC>.sqlite3 or .dump, and what is named so is whole. Refuses BackupRefused.
    """
    folder.mkdir(parents=True, exist_ok=True)
    suffix = "sqlite3" if connection.vendor == "sqlite" else "dump"
    target = folder / f"countersign-{now.strftime(STAMP)}.{suffix}"
    if target.exists():
        raise BackupRefused(f"{target} exists already.")
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        seq, head = _copy_sqlite(partial) if suffix == "sqlite3" else _dump_postgres(partial)
        partial.chmod(0o600)
        note = _note(partial, seq, head, now)
        write_through(note_of(target), orjson.dumps(asdict(note), option=orjson.OPT_INDENT_2))
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    _prune(folder, suffix, keep)
    return target


def read_note(copy: Path) -> BackupNote:
    """The note of `copy`, held against it. Refuses BackupRefused."""
    try:
        note = BackupNote(**orjson.loads(note_of(copy).read_bytes()))
    except FileNotFoundError as error:
        raise BackupRefused(f"{error.filename} is not there.") from None
    except (orjson.JSONDecodeError, TypeError) as error:
        raise BackupRefused(f"{note_of(copy)} can't be read: {error}") from None
    if not copy.is_file():
        raise BackupRefused(f"{copy} is not there.")
    if digest_of(copy) != note.sha256:
        raise BackupRefused(f"{copy} is not what its note describes: cut short, or changed.")
    return note


def note_of(copy: Path) -> Path:
    """Where the note of a copy lies."""
    return copy.with_name(copy.name + ".json")


def applied_migrations() -> list[str]:
    """Of the database in use, sorted."""
    return sorted(".".join(key) for key in MigrationRecorder(connection).applied_migrations())


def checked_copy(copy: Path) -> tuple[int, str]:
    """Seq and hash of the newest audit event in a SQLite file. Refuses one that is not whole."""
    try:
        with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as source:
            found = source.execute("PRAGMA quick_check(1)").fetchone()
            if found != ("ok",):
                raise BackupRefused(f"{copy} is damaged: {found[0]}")
            row = source.execute(
                "SELECT seq, hash FROM trading_auditevent ORDER BY seq DESC LIMIT 1"
            ).fetchone()
    except sqlite3.DatabaseError as error:
        raise BackupRefused(f"{copy} is not a database of ours: {error}") from None
    return row or (0, "")


def postgres_env() -> dict[str, str]:
    """How PostgreSQL's own tools find the database; the password stays off the command line."""
    given: Mapping[str, Any] = connection.get_connection_params()
    names = {"dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD", "host": "PGHOST"}
    names |= {"port": "PGPORT", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}
    found = {env: str(given[name]) for name, env in names.items() if given.get(name)}
    return {**os.environ, **found}


def run_tool(*argv: str) -> None:
    """One of PostgreSQL's tools. Refuses BackupRefused with what it said."""
    if shutil.which(argv[0]) is None:
        raise BackupRefused(f"{argv[0]} is not installed here (Debian: postgresql-client).")
    done = subprocess.run(argv, env=postgres_env(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BackupRefused(f"{argv[0]} failed: {done.stderr.strip()[-300:]}")


def write_through(path: Path, content: bytes) -> None:
    """Write `content` so that a power cut leaves all of it or nothing."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def sync(path: Path) -> None:
    """Onto the disk itself."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def digest_of(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy_sqlite(target: Path) -> tuple[int, str]:
    """One read transaction: writers go on, and what they write meanwhile is not in the copy."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(target)])
    sync(target)
    return checked_copy(target)


def _dump_postgres(target: Path) -> tuple[int, str]:
    """In PostgreSQL's custom format, of one moment; the head is of just before it."""
    newest = audit_events().order_by("-seq").values_list("seq", "hash").first()
    run_tool("pg_dump", "--format=custom", "--no-owner", f"--file={target}")
    sync(target)
    return newest or (0, "")


def _note(copy: Path, seq: int, head: str, now: datetime) -> BackupNote:
    return BackupNote(
        taken_at=now.isoformat(),
        vendor=connection.vendor,
        sha256=digest_of(copy),
        size=copy.stat().st_size,
        seq=seq,
        head=head,
        migrations=applied_migrations(),
    )


def _prune(folder: Path, suffix: str, keep: int) -> None:
    copies = sorted(folder.glob(f"countersign-*Z.{suffix}"))
    for old in copies[:-keep] if keep else []:
        note_of(old).unlink(missing_ok=True)
        old.unlink()
