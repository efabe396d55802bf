"""JSON out: finite or null, exact or refused, UTC with Z."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest
from django.utils.functional import lazystr

from config.rendering import to_json


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), "null"),
        (float("inf"), "null"),
        (np.float64("nan"), "null"),
        (np.array([1.5, float("nan")]), "[1.5,null]"),
        (Decimal("1.500"), '"1.5"'),
        (Decimal("1E+2"), '"100"'),
        (Decimal("0E-18"), '"0"'),
        (Decimal("0.000000000000000001"), '"0.000000000000000001"'),
        (Decimal("NaN"), "null"),
        (datetime(2026, 2, 23, 0, 0, 5, 1999, tzinfo=UTC), '"2026-02-23T00:00:05.001Z"'),
        (
            datetime(2026, 2, 23, 2, tzinfo=timezone(timedelta(hours=2))),
            '"2026-02-23T00:00:00.000Z"',
        ),
        (date(2026, 2, 23), '"2026-02-23"'),
        (lazystr("later"), '"later"'),
        ({"b", "a"}, '["a","b"]'),
        ({1: "one"}, '{"1":"one"}'),
    ],
)
def test_a_value_has_one_form(value: object, text: str) -> None:
    assert to_json(value).decode() == text


def test_what_has_no_form_is_a_bug_and_not_a_guess() -> None:
    with pytest.raises(TypeError):
        to_json({"x": object()})
