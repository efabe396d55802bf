"""A store that goes away is one line in the log; a defect keeps its traceback."""

from __future__ import annotations

import logging
import sys

import pytest
import redis

from config.telemetry import LossInOneLine


def logged(error: Exception) -> logging.LogRecord:
    try:
        raise error
    except Exception:
        record = logging.LogRecord("celery", 30, "", 0, "lost %s", ("it",), sys.exc_info())
    LossInOneLine().filter(record)
    return record


@pytest.mark.parametrize(
    "error", [redis.ConnectionError("closed"), ConnectionRefusedError("closed")]
)
def test_a_lost_connection_is_one_line(error: Exception) -> None:
    record = logged(error)

    assert record.getMessage() == "lost it (closed)"
    assert record.exc_info is None


def test_a_defect_keeps_its_traceback() -> None:
    assert logged(ZeroDivisionError()).exc_info
