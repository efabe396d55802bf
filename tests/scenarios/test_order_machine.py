"""The order path survives what the machine invents, and the machine finds what is planted."""

from __future__ import annotations

import os
import re

import pytest

from tests.scenarios.live_bot import make_desk
from tests.scenarios.model_exchange import PATIENCE
from tests.scenarios.order_machine import Broke, OrderMachine
from tests.scenarios.order_mutants import MUTANTS
from tests.scenarios.order_search import search
from trading.brokers.live import Credentials, LiveBroker

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = int(os.environ.get("ORDER_MACHINE_EXAMPLES", "60"))
START = int(os.environ.get("ORDER_MACHINE_START", "0"))
MUTANTS_START = 12_000  # where the search is short
AT_MOST = 300  # each is found within a few dozen, see docs/reference/order-path.md


def test_no_order_is_lost_doubled_or_misjudged_whatever_happens() -> None:
    machine = type("Machine", (OrderMachine,), {"desk": make_desk()})
    search(machine, examples=EXAMPLES, start=START)


@pytest.mark.storeless
def test_the_machine_finds_each_mistake_that_order_paths_make() -> None:
    desk = make_desk()
    found = {mutant.name: found_in(mutant.machine(desk=desk)) for mutant in MUTANTS}

    assert {name: found[name] for name in found if not found[name]} == {}


def test_the_model_waits_as_the_live_broker_does() -> None:
    for exchange in ("binance", "bybit"):
        assert LiveBroker(exchange, Credentials("k", "s")).patience == PATIENCE


def found_in(machine: type[OrderMachine]) -> bool:
    """Whether an invariant is broken in time, and nothing else."""
    try:
        search(machine, examples=AT_MOST, start=MUTANTS_START, shrink=False)
    except (AssertionError, Broke) as error:
        return re.match(r"I\d ", str(error)) is not None
    return False
