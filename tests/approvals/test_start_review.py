"""A review that can't work is refused before anything of it is done."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.errors import LlmOff, LlmPriceUnknown, ReviewInvalid
from approvals.models import Review, Source
from marketdata import store
from marketdata.queries import resolve_symbol
from strategies.errors import ParamsInvalid
from tests.approvals.factories import with_model
from tests.approvals.model_server import model_server
from tests.approvals.reviewing import carry, start

pytestmark = pytest.mark.django_db


def test_what_a_person_leaves_out_stays_as_it_is() -> None:
    review = start(source=Source.PERSON, params={"fast": 6})

    assert review.wanted == [{**review.base.params, "fast": 6}]


@pytest.mark.parametrize("params", [{"fast": 5}, {"slow": 13.0}])
def test_parameters_that_change_nothing_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ReviewInvalid, match="Nothing"):
        start(source=Source.PERSON, params=params)


@pytest.mark.parametrize("params", [{"fast": 1}, {"live_mode": 1}, {"fast": "6; DROP"}])
def test_parameters_out_of_bounds_are_refused_at_once(params: dict[str, Any]) -> None:
    with pytest.raises(ParamsInvalid):
        start(source=Source.PERSON, params=params)
    assert not Review.objects.exists()


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"source": Source.LLM}, LlmOff),
        ({"source": Source.PERSON}, ReviewInvalid),
        ({"symbols": [], "timeframe": ""}, ReviewInvalid),
        ({"to_ms": 1}, ReviewInvalid),
    ],
)
def test_a_review_that_can_not_work_is_refused_at_once(
    changes: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        start(**changes)
    assert not Review.objects.exists()


def test_a_review_by_a_model_without_a_price_is_refused_at_once(settings: Any) -> None:
    with model_server() as server:
        with_model(settings, server, llm_price_out=None)
        with pytest.raises(LlmPriceUnknown):
            start()


def test_a_review_looks_only_at_what_is_stored_after_the_warm_up() -> None:
    review = start(source=Source.RULES, from_ms=1_000_000_000_000, to_ms=2_000_000_000_000)

    symbol = resolve_symbol(review.symbols[0])
    first = store.first_open_ms(symbol.pk, "5m")
    assert first is not None
    assert 0 < review.from_ms - first < 3 * 86_400_000
    assert review.to_ms < 1_800_000_000_000
    assert carry(review).facts["stretch"]["candles"] > 1_000


@pytest.mark.parametrize(
    "changes",
    [
        {"from_ms": 1_000_000_000_000, "to_ms": 1_000_100_000_000},
        {"timeframe": "1d"},
    ],
)
def test_a_stretch_with_too_few_candles_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ReviewInvalid, match="candles"):
        start(source=Source.RULES, **changes)
