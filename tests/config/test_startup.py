"""An embedded start refuses with one sentence and prepares what is needed, once."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from config import startup
from config.env import Env
from config.preparation import login_hint, prepare
from config.seeding import first_login_file


@pytest.fixture
def own_state(settings: Settings, tmp_path: Path) -> Path:
    settings.STATE_DIR = tmp_path
    settings.STATIC_ROOT = tmp_path / "static"
    return tmp_path


def test_one_state_directory_has_one_console(own_state: Path) -> None:
    held = startup._lock(own_state / "up.lock")

    with pytest.raises(SystemExit, match=r"already running on .* \(process \d+, http://"):
        startup._lock(own_state / "up.lock")

    held.close()
    startup._lock(own_state / "up.lock").close()


def test_a_taken_port_is_refused_with_another_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(SystemExit, match=f"PORT={port + 1} make run"):
            startup._listen("127.0.0.1", port)


def test_a_full_disk_is_refused(own_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "LEAST_FREE_MB", 10**12)

    with pytest.raises(SystemExit, match="MB are free"):
        startup._check_room(own_state)


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "http://127.0.0.1:80/"),
        ("0.0.0.0", "http://localhost:80/"),
        ("::1", "http://[::1]:80/"),
    ],
)
def test_the_address_is_one_that_a_browser_can_open(
    settings: Settings, host: str, shown: str
) -> None:
    settings.ENV = Env(host=host, port=80)

    assert startup._address() == shown


@pytest.mark.django_db
def test_several_web_processes_share_one_socket(own_state: Path, settings: Settings) -> None:
    settings.ENV = Env(web_processes=2)
    with socket.socket() as listener:
        plan = startup._plan(listener, began=0)
        web = [process for process in plan.stages[-1] if process.name.startswith("web")]

        assert [process.name for process in web] == ["web1", "web2"]
        assert {tuple(process.fds) for process in web} == {(listener.fileno(),)}


@pytest.mark.django_db
def test_preparing_twice_changes_nothing(own_state: Path, settings: Settings) -> None:
    said: list[str] = []

    prepare(said.append)
    people = User.objects.count()
    prepare(said.append)

    assert people == User.objects.count() > 0
    assert any(
        "admin" in hint and first_login_file().read_text() in hint for hint in [login_hint()]
    )


@pytest.mark.django_db
def test_the_first_password_is_shown_until_it_was_used(own_state: Path) -> None:
    prepare(lambda line: None)
    User.objects.filter(username="admin").update(last_login=datetime(2026, 1, 1, tzinfo=UTC))

    assert "password" in login_hint()
    assert not first_login_file().exists()
