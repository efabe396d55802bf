"""Agents and findings while PostgreSQL is stopped and after it is back, in a process of its own.

Run by `test_database_outage.py` with DATABASE_URL and a folder; prints what happened as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.chaos.stores import Postgres


def main(folder: Path) -> None:
    postgres = Postgres(folder)
    os.environ["DATABASE_URL"] = postgres.url
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django
    from django.test.utils import setup_test_environment

    django.setup()
    setup_test_environment()
    try:
        print(json.dumps(_story(postgres)))
    finally:
        postgres.stop()


def _story(postgres: Postgres) -> dict[str, Any]:
    from django.core.management import call_command
    from django.db import OperationalError, connections

    from config import clock
    from strategies import services as strategy_services
    from strategies.models import Finding
    from tests.api.factories import make_api, make_symbol
    from tests.strategies.looks import spiking
    from trading import access, services, tasks

    call_command("migrate", verbosity=0)
    services.sync_roles()
    strategy_services.sync_agents(now=clock.now())
    known, stranger, symbol = make_api(access.VIEWER), make_api(access.OPERATOR), make_symbol()
    spiking(symbol, at=clock.now(), rvol=4.0)
    strategy_services.run_agent(name="rvol_spike", now=clock.now())
    told: dict[str, Any] = {"before": known.get("findings").json()}

    postgres.stop()
    connections.close_all()
    spiking(symbol, at=clock.now(), rvol=9.0)
    try:
        tasks.tick()
    except OperationalError:
        told["tick"] = "no database"
    told["during"] = known.get("findings").json()
    told["elsewhere"] = known.get("posture").status_code
    told["stranger"] = stranger.get("findings").status_code
    told["health"] = known.client.get("/health").json()["status"]

    postgres.start()
    connections.close_all()
    strategy_services.run_agent(name="liquidity", now=clock.now())
    told["after"] = known.get("findings").json()
    told["rows"] = Finding.objects.count()
    strategy_services.run_agent(name="liquidity", now=clock.now())
    told["again"] = Finding.objects.count()
    return told


if __name__ == "__main__":
    main(Path(sys.argv[1]))
