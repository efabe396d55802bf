"""A slow model holds up neither orders nor cycles: it is asked where none of them waits."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from config import processes
from strategies import agents
from strategies import tasks as strategy_tasks
from strategies.tasks import ANALYST, ANALYST_S
from tests.approvals.test_gate import VECTORS
from tests.architecture.sources import ROOT
from trading import tasks
from trading.services import Hints

ASKING = (
    "approvals.tasks.advise",
    "approvals.tasks.measure_shadows",
    "strategies.tasks.run_analyst",
)


@pytest.mark.parametrize("task", ASKING)
def test_who_asks_a_model_has_a_queue_apart_from_orders_and_cycles(task: str) -> None:
    queue = settings.CELERY_TASK_ROUTES[task]["queue"]

    assert queue in processes.ADVICE_QUEUES
    assert queue not in processes.WORKER_QUEUES


def test_the_agent_that_asks_a_model_is_not_run_with_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[Any] = []
    for task in (strategy_tasks.run_agent, strategy_tasks.run_analyst):
        name = task.name.rsplit(".", 1)[1]
        monkeypatch.setattr(
            task, "apply_async", lambda name=name, **given: sent.append((name, given.get("kwargs")))
        )

    tasks.send_hints(Hints(bots=[], jobs=[], sweep=False, agents=("cusum", ANALYST)))

    assert sent == [("run_agent", {"name": "cusum"}), ("run_analyst", None)]
    assert ANALYST in agents.AGENTS
    assert ANALYST_S < 60  # its lease


def test_the_page_of_attacks_counts_the_vectors() -> None:
    page = (ROOT / "docs" / "reference" / "ai.md").read_text()

    assert f"| {len(VECTORS)} bad answers" in page
