"""Every test of the API starts with roles, strategies and a system that runs."""

from __future__ import annotations

import pytest

from config import clock
from strategies import services as strategy_services
from tests.api.factories import Api, make_api
from trading import access, services


@pytest.fixture
def console(db: None, clean_bus: None) -> None:
    """What a first start leaves behind, without people and symbols."""
    now = clock.now()
    services.ensure_system_state(now=now)
    services.sync_roles()
    strategy_services.sync_strategies(now=now)


@pytest.fixture
def operator(console: None) -> Api:
    return make_api(access.OPERATOR)


@pytest.fixture
def viewer(console: None) -> Api:
    return make_api(access.VIEWER)


@pytest.fixture
def admin(console: None) -> Api:
    return make_api(access.ADMIN)
