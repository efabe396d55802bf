"""Workers load what their first task would wait for; that of the simulations steps back."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from celery import current_app
from django.db import connections

from trading import services, simulation, tasks


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    happened: list[object] = []
    monkeypatch.setattr(os, "nice", happened.append)
    monkeypatch.setattr(simulation, "warm", lambda: happened.append("kernel"))
    monkeypatch.setattr(services, "warm_brokers", lambda: happened.append("brokers"))
    monkeypatch.setattr(connections, "close_all", lambda: happened.append("closed"))
    return happened


def begin_as_worker_of(queues: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    known: Any = current_app.amqp.queues
    monkeypatch.setattr(known, "_consume_from", {name: known[name] for name in queues})
    tasks._get_ready()
    for thread in threading.enumerate():
        if thread.name == "warm":
            thread.join(10)


def test_the_worker_of_the_simulations_is_warm(
    seen: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_as_worker_of(("simulations",), monkeypatch)

    assert seen == [tasks.LOW_PRIORITY, "kernel"]


@pytest.mark.parametrize("queues", [("orders", "cycles", "default"), ("orders", "simulations")])
def test_a_worker_that_places_orders_knows_its_exchanges_and_stays_light(
    seen: list[object], queues: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_as_worker_of(queues, monkeypatch)

    assert seen == ["brokers", "closed"]
