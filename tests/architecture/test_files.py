"""Files that say the same thing twice agree, and none names a package registry."""

from __future__ import annotations

import re
import sys
from collections import Counter
from typing import Any

import pytest
import yaml

from config import processes, startup
from config.env import Env
from tests.architecture.sources import ROOT

EXAMPLE = re.compile(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


def test_no_requirement_file_names_a_host() -> None:
    files = sorted((ROOT / "requirements").iterdir())

    assert files
    assert [file.name for file in files if "://" in file.read_text()] == []


def test_what_runs_is_pinned_the_same_where_it_is_tested() -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text()
        return set(re.findall(r"^([\w.-]+(?:\[[\w,]+\])?==\S+)", text, re.MULTILINE))

    assert pins("run.txt") - pins("all.txt") == set()


def test_the_example_environment_lists_every_setting_once() -> None:
    named = Counter(name for name, _ in EXAMPLE.findall((ROOT / ".env.example").read_text()))

    assert named == Counter(name.upper() for name in Env.model_fields)


def test_the_example_environment_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = Env.model_construct()
    shown = dict(EXAMPLE.findall((ROOT / ".env.example").read_text()))
    for name, value in shown.items():
        monkeypatch.setenv(name, value)

    read = Env()

    assert {
        name: (getattr(read, name), getattr(defaults, name))
        for name in Env.model_fields
        if getattr(read, name) != getattr(defaults, name) and name != "state_dir"
    } == {}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def _in_a_container(argv: list[str]) -> list[str]:
    return ["python" if word == sys.executable else word for word in argv]


@pytest.mark.parametrize(
    ("service", "argv"),
    [
        ("prepare", processes.prepare()),
        ("web", processes.web("--host", "0.0.0.0", "--port", "8000", "--workers", "2")),
        ("worker", processes.worker(concurrency=2)),
        ("simulations", processes.worker(concurrency=1, queues=processes.SIMULATION_QUEUES)),
        ("advice", processes.worker(concurrency=1, queues=processes.ADVICE_QUEUES)),
        ("notifications", processes.worker(concurrency=2, queues=processes.NOTIFICATION_QUEUES)),
        ("beat", processes.beat()),
        ("feed", processes.feed()),
    ],
)
def test_containers_run_what_the_supervisor_runs(
    services: dict[str, Any], service: str, argv: list[str]
) -> None:
    assert services[service]["command"] == _in_a_container(argv)


def test_the_containers_together_serve_every_queue(services: dict[str, Any]) -> None:
    workers = ("worker", "simulations", "advice", "notifications")
    commands = [services[name]["command"] for name in workers]
    queues = ",".join(command[command.index("--queues") + 1] for command in commands)

    assert queues.split(",") == [
        *processes.WORKER_QUEUES,
        *processes.SIMULATION_QUEUES,
        *processes.ADVICE_QUEUES,
        *processes.NOTIFICATION_QUEUES,
    ]


@pytest.mark.parametrize(("model", "apart"), [(False, set()), (True, {"advice"})])
def test_the_supervisor_serves_every_queue_and_keeps_a_model_apart_from_simulations(
    settings: Any, model: bool, apart: set[str]
) -> None:
    settings.ENV = settings.ENV.model_copy(update={"llm_enabled": model})

    served = {
        worker.name: set(worker.argv[worker.argv.index("--queues") + 1].split(","))
        for worker in startup._workers()
    }

    assert set(served) == {"worker", "simulations", "notifications", *apart}
    assert sum(map(len, served.values())) == len(set().union(*served.values()))
    assert set().union(*served.values()) == {
        *processes.WORKER_QUEUES,
        *processes.SIMULATION_QUEUES,
        *processes.ADVICE_QUEUES,
        *processes.NOTIFICATION_QUEUES,
    }
    assert served.get("advice", served["simulations"]) >= {"advice"}


def test_nothing_starts_before_the_stores_are_prepared(services: dict[str, Any]) -> None:
    for name in ("web", "worker", "simulations", "advice", "notifications", "beat", "feed"):
        condition = services[name]["depends_on"]["prepare"]["condition"]
        assert condition == "service_completed_successfully"
