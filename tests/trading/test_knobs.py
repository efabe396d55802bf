"""Knobs: bounds, and that nothing is lost on the way to the database and back."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from config.env import Env
from trading.knobs import Knobs


def knobs(**changed: Any) -> Knobs:
    return Knobs.model_validate({**Knobs.defaults(Env()).model_dump(), **changed})


def test_what_is_stored_comes_back_the_same() -> None:
    given = knobs(max_exposure=Decimal("0.123456789"), volume_cap="0.1")

    assert Knobs.model_validate(json.loads(json.dumps(given.stored()))) == given


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_exposure", 0),
        ("max_exposure", "1.01"),
        ("max_position", -1),
        ("max_daily_loss", "NaN"),
        ("max_drawdown", "Infinity"),
        ("max_price_age_s", 0),
        ("max_price_age_s", float("nan")),
        ("cooldown_candles", -1),
        ("cooldown_candles", 1.5),
        ("fee_taker_bps", -1),
        ("slippage_bps", 1001),
        ("volume_cap", 0),
        ("position_mode", "short"),
        ("leverage", 3),
    ],
)
def test_a_knob_out_of_bounds_or_unknown_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        knobs(**{name: value})


def test_every_knob_has_a_title_and_says_what_it_means() -> None:
    for name, field in Knobs.model_fields.items():
        assert field.title, name
        assert field.description, name
