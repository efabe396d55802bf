"""What workers run. A message is a hint: each task asks the database what is due."""

from __future__ import annotations

import os
import threading
from typing import Any

from celery import current_app, shared_task
from celery.signals import before_task_publish, task_prerun, worker_process_init
from django.db import InterfaceError, OperationalError, connections

from config import clock, telemetry
from marketdata.tasks import refresh_stale_indicators
from strategies.tasks import ANALYST, detect_signals, run_agent, run_analyst
from trading import services

# A simulation that takes longer is ended and says so.
LONGEST_S = 900
WATCH_S = 50  # before the next one comes, though several exchanges don't answer
RECONCILE_S = 45  # less than its lease lasts
CHUNK_S = 100  # less than its claim of a chunk lasts
UNHURRIED = {"simulations", "advice"}
LOW_PRIORITY = 10
# What looks after money is still wanted when workers are behind: a repeat finds nothing to do.
BACKLOG_S = 30


@shared_task
def tick(**_: Any) -> None:
    """Each second, from beat. Agents go on while the database is away."""
    try:
        send_hints(services.tick(process="beat", now=clock.now()))
    except (OperationalError, InterfaceError):
        services.tick_without_database(now=clock.now())
        raise


@shared_task
def run_bot(*, bot_id: int, **_: Any) -> None:
    if services.run_bot(bot_id=bot_id, now=clock.now()):
        run_bot.delay(bot_id=bot_id)


@shared_task
def run_job(*, job_id: int, **_: Any) -> None:
    if services.run_job(job_id=job_id, now=clock.now(), later=clock.now):
        run_job.delay(job_id=job_id)


@shared_task(soft_time_limit=LONGEST_S, time_limit=LONGEST_S + 60)
def run_simulation(*, job_id: int, **_: Any) -> None:
    """A job that computes for long, in a queue that no order waits in."""
    services.run_job(job_id=job_id, now=clock.now(), later=clock.now)


@shared_task(soft_time_limit=CHUNK_S, time_limit=CHUNK_S + 10)
def run_search(*, search_id: int, **_: Any) -> None:
    services.run_search(search_id=search_id, now=clock.now())


@shared_task
def submit_order(*, order_id: int, **_: Any) -> None:
    services.submit_order(order_id=order_id, now=clock.now())


@shared_task
def sweep_orders(**_: Any) -> None:
    services.sweep_orders(now=clock.now())


@shared_task(soft_time_limit=RECONCILE_S, time_limit=RECONCILE_S + 10)
def reconcile_account(*, account_id: int, **_: Any) -> None:
    services.reconcile_account(account_id=account_id, now=clock.now())


@shared_task(soft_time_limit=WATCH_S, time_limit=WATCH_S + 5)
def watch_live(**_: Any) -> None:
    """Exchanges' clocks and ended grants: from the tick, and each minute from beat."""
    services.watch_live(now=clock.now())


@shared_task
def thin_snapshots(**_: Any) -> None:
    services.thin_snapshots(now=clock.now())


@shared_task
def prune_artifacts(**_: Any) -> None:
    services.prune_artifacts(now=clock.now())


@shared_task
def prune_confirmations(**_: Any) -> None:
    services.prune_confirmations(now=clock.now())


@shared_task
def tell_failures(**_: Any) -> None:
    """Every five seconds, from beat; the feed does it while beat is silent."""
    services.tell_failures(now=clock.now())


@shared_task
def measure_drifts(**_: Any) -> None:
    """Every few minutes, from beat."""
    services.measure_drifts(now=clock.now())


def send_hints(hints: services.Hints) -> None:
    """Tell the workers; a bus that is away is no reason to stop ticking."""
    for bot_id in hints.bots:
        run_bot.apply_async(kwargs={"bot_id": bot_id}, expires=30)
    for job_id in hints.jobs:
        run_job.apply_async(kwargs={"job_id": job_id}, expires=60)
    for job_id in hints.simulations:
        # Repeated each second until a worker is free, so that none need wait in the queue for long.
        run_simulation.apply_async(kwargs={"job_id": job_id}, expires=2)
    for search_id in hints.searches:
        run_search.apply_async(kwargs={"search_id": search_id}, expires=2)
    for account_id in hints.accounts:
        reconcile_account.apply_async(kwargs={"account_id": account_id}, expires=BACKLOG_S)
    _send_looks(hints)
    for wanted, task, expires_s in (
        (hints.indicators, refresh_stale_indicators, 2),
        (hints.live, watch_live, 5),
        (hints.sweep, sweep_orders, BACKLOG_S),
    ):
        if wanted:
            task.apply_async(expires=expires_s)


def _send_looks(hints: services.Hints) -> None:
    for name in hints.agents:
        if name == ANALYST:
            run_analyst.apply_async(expires=30)
        else:
            run_agent.apply_async(kwargs={"name": name}, expires=30)
    for symbol_id, timeframe in hints.series:
        kwargs = {"symbol_id": symbol_id, "timeframe": timeframe}
        detect_signals.apply_async(kwargs=kwargs, expires=10)


@before_task_publish.connect
def _carry_correlation_id(headers: dict[str, Any] | None = None, **_: Any) -> None:
    if headers is not None and telemetry.correlation_id():
        headers["correlation_id_of_request"] = telemetry.correlation_id()


@task_prerun.connect
def _bind_correlation_id(task: Any = None, **_: Any) -> None:
    carried = getattr(task.request, "correlation_id_of_request", "") if task else ""
    telemetry.bind_correlation_id(carried or "")


@worker_process_init.connect
def _get_ready(**_: Any) -> None:
    """Beside the first task, not before it: the pool gives up on a child that is not up in 4 s."""
    queues = set(current_app.amqp.queues.consume_from)
    if queues <= UNHURRIED:
        os.nice(LOW_PRIORITY)
        if "simulations" in queues:
            threading.Thread(target=_warm_kernel, name="warm", daemon=True).start()
    elif "orders" in queues:
        threading.Thread(target=_warm_brokers, name="warm", daemon=True).start()


def _warm_kernel() -> None:
    """Only where nothing but simulations runs: numba takes 100 MB and seconds to load."""
    from trading.simulation import warm

    warm()


def _warm_brokers() -> None:
    """ccxt takes seconds to load; the stamp of the order that waits for it would be too old."""
    try:
        services.warm_brokers()
    finally:
        connections.close_all()
