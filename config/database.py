"""Connection settings of PostgreSQL, SQLite and Redis from their URLs."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlparse

from config.env import Env

SQLITE_PRAGMAS = ";".join(
    (
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=NORMAL",
        "PRAGMA mmap_size=134217728",
        "PRAGMA journal_size_limit=27103364",
        "PRAGMA cache_size=-20000",
        "PRAGMA foreign_keys=ON",
        # Without it INSERT OR REPLACE deletes rows behind the audit triggers' back.
        "PRAGMA recursive_triggers=ON",
    )
)


def databases(env: Env, state_dir: Path) -> dict[str, dict[str, Any]]:
    """Django's DATABASES: PostgreSQL by DATABASE_URL, else SQLite in the state directory."""
    if env.database_url:
        return {"default": _postgres(env)}
    return {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": state_dir / "countersign.sqlite3",
            "CONN_MAX_AGE": 0,
            "OPTIONS": {
                "timeout": 20,
                # A deferred transaction that turns into a writer fails with "database is locked".
                "transaction_mode": "IMMEDIATE",
                "init_command": SQLITE_PRAGMAS,
            },
            # A file, because the in-memory shared cache ignores WAL.
            "TEST": {"NAME": state_dir / "test.sqlite3"},
        }
    }


def _postgres(env: Env) -> dict[str, Any]:
    url = urlparse(env.database_url)
    if url.scheme not in {"postgres", "postgresql"}:
        raise SystemExit("DATABASE_URL must start with postgres:// or postgresql://")
    query = {key: values[-1] for key, values in parse_qs(url.query).items()}
    options: dict[str, Any] = {key: value for key, value in query.items() if key != "host"}
    if env.pg_pool:
        options["pool"] = {"min_size": 1, "max_size": 8, "timeout": 10}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.lstrip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname or query.get("host", ""),
        "PORT": url.port or "",
        "CONN_MAX_AGE": 0,
        "OPTIONS": options,
    }


def redis_url(url: str, number: int) -> str:
    """`url` with its database moved up by `number`: redis://host/3 and 2 give redis://host/5."""
    parts = urlparse(url)
    query = parse_qs(parts.query)
    if parts.scheme == "unix":
        first = int(query.pop("db", ["0"])[-1])
        query["db"] = [str(first + number)]
        return f"unix://{parts.path}?{urlencode(query, doseq=True)}"
    first = int(parts.path.strip("/") or 0)
    return parts._replace(path=f"/{first + number}").geturl()


def celery_broker_url(url: str) -> str:
    """The same bus in the words of kombu."""
    broker = redis_url(url, 0)
    if broker.startswith("unix://"):
        return broker.replace("unix://", "redis+socket://").replace("db=", "virtual_host=")
    return broker
