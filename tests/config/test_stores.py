"""The addresses of the stores, and that a test run has its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from config import bus
from config.database import celery_broker_url, redis_url


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("redis://:pw@host:6379", "redis://:pw@host:6379/2"),
        ("redis://host/0", "redis://host/2"),
        ("rediss://host/3?ssl_cert_reqs=none", "rediss://host/5?ssl_cert_reqs=none"),
        ("unix:///run/bus.sock", "unix:///run/bus.sock?db=2"),
        ("unix:///run/bus.sock?db=3", "unix:///run/bus.sock?db=5"),
    ],
)
def test_a_database_number_is_counted_from_the_one_in_the_address(given: str, made: str) -> None:
    assert redis_url(given, 2) == made


def test_celery_names_a_socket_in_its_own_words() -> None:
    assert (
        celery_broker_url("unix:///run/bus.sock") == "redis+socket:///run/bus.sock?virtual_host=0"
    )


def test_a_test_run_has_a_state_directory_of_its_own() -> None:
    assert Path(settings.STATE_DIR).name.startswith("countersign-test-")


def test_a_test_run_has_a_bus() -> None:
    assert bus.client().ping()
