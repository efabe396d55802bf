"""Health is public, says what it found, and costs next to nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django.fixtures import Settings

from config import bus, health, health_state
from tests.api.factories import make_quote, make_symbol


def test_health_shows_stores_symbols_and_the_age_of_their_prices(console: None) -> None:
    make_quote(make_symbol())

    answer = Client().get("/health")

    body = answer.json()
    assert (answer.status_code, body["status"]) == (200, "ok")
    assert (body["db"], body["redis"], body["artifacts_dir"]) == (True, True, True)
    assert body["symbols"] == ["simulated:BTC/USDT"]
    assert 0 <= body["feed_age_s"]["simulated:BTC/USDT"] < 10
    assert body["trades_cached"] == {"simulated:BTC/USDT": 0}
    assert body["agents"] == {}
    assert body["version"] == health_state.version()


def test_without_the_bus_it_is_degraded_but_ready(
    console: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object) -> object:
        raise ConnectionError("no bus")

    with monkeypatch.context() as patch:
        patch.setattr(bus, "client", away)
        degraded, ready = Client().get("/health"), Client().get("/health/ready")

    assert degraded.json()["status"] == "degraded"
    assert (ready.status_code, ready.json()["checks"]["bus"]) == (200, False)


def test_without_the_database_it_is_down(console: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError("password=secret")

    paths = ("/health", "/db-health", "/health/ready", "/health/live")
    with monkeypatch.context() as patch:
        patch.setattr(connection, "cursor", away)
        everything, db, ready, live = (Client().get(path) for path in paths)

    assert (everything.status_code, everything.json()["status"]) == (503, "down")
    assert (db.status_code, db.json()) == (503, {"ok": False, "error": "OperationalError"})
    assert (ready.status_code, live.status_code) == (503, 200)


def test_the_database_answers(console: None) -> None:
    assert Client().get("/db-health").json() == {"ok": True}


def test_ready_means_tables_and_a_guarded_audit_log(console: None) -> None:
    answer = Client().get("/health/ready")

    assert answer.json()["checks"] == {
        "database": True,
        "migrations": True,
        "audit_triggers": True,
        "bus": True,
    }


def test_a_missing_migration_is_not_ready(console: None, monkeypatch: pytest.MonkeyPatch) -> None:
    later = frozenset({("trading", "9999_later")})
    monkeypatch.setattr(health, "_migrations_on_disk", lambda: later)

    assert Client().get("/health/ready").json()["checks"]["migrations"] is False


def test_the_health_views_read_only(console: None) -> None:
    for path in ("/health", "/db-health", "/health/live", "/health/ready", "/metrics"):
        assert Client().post(path).status_code == 405


def test_metrics_are_not_there_until_they_have_a_token(console: None, settings: Settings) -> None:
    assert Client().get("/metrics").status_code == 404

    settings.ENV = settings.ENV.model_copy(update={"metrics_token": "scrape-me"})

    assert Client().get("/metrics").status_code == 401
    wrong = Client().get("/metrics", headers={"Authorization": "Bearer scrape-you"})
    assert wrong.status_code == 401
    right = Client().get("/metrics", headers={"Authorization": "Bearer scrape-me"})
    assert b'system_state{state="RUNNING"} 1.0' in right.content
    assert b"exec_unknown_orders 0.0" in right.content


def test_the_web_process_loads_nothing_heavy() -> None:
    code = (
        "import django, sys; django.setup(); import config.asgi, config.urls, config.metrics;"
        "heavy = {'ccxt', 'pandas', 'numba', 'talib', 'pandas_ta_classic'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert (found.returncode, found.stderr) == (0, "")
