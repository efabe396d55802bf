"""Parameters are read strictly, and the refusal names them."""

from __future__ import annotations

import pytest
from rest_framework.exceptions import ValidationError

from config.query_params import comma_list, optional_choice, optional_ms, optional_number, text

MIDNIGHT_MS = 1704067200000


@pytest.mark.parametrize(
    "given",
    [
        "1704067200000",
        "2024-01-01",
        "2024-01-01T00:00:00Z",
        "2024-01-01T00:00:00",
        "2024-01-01T01:00:00+01:00",
        "2024-01-01T01:00:00 01:00",  # a "+" that nobody encoded
        "2023-12-31T19:00:00-05:00",
    ],
)
def test_an_instant_may_be_written_in_many_ways(given: str) -> None:
    assert optional_ms({"from": given}, "from") == MIDNIGHT_MS


@pytest.mark.parametrize("given", ["now", "-5", "1e3", "9" * 16, "2024-13-01", "\u0661", "nan"])
def test_what_is_no_instant_is_refused_by_name(given: str) -> None:
    with pytest.raises(ValidationError) as refused:
        optional_ms({"from": given}, "from")

    assert isinstance(refused.value.detail, dict)
    assert list(refused.value.detail) == ["from"]


@pytest.mark.parametrize("given", ["x", "1.5", "1_0", "--1", "9" * 25, " 1", "\u0661"])
def test_what_is_no_whole_number_is_refused(given: str) -> None:
    with pytest.raises(ValidationError):
        optional_number({"n": given}, "n")


def test_what_is_not_given_is_none() -> None:
    assert optional_number({}, "n") is optional_ms({"n": ""}, "n") is None
    assert optional_choice({}, "n", ["a"]) is None


def test_a_choice_is_found_whatever_its_case() -> None:
    assert optional_choice({"n": "open"}, "n", ["OPEN", "DONE"]) == "OPEN"
    with pytest.raises(ValidationError):
        optional_choice({"n": "other"}, "n", ["OPEN"])


def test_a_list_has_no_blanks_no_doubles_and_an_end() -> None:
    assert comma_list({"n": "b, a,,b"}, "n") == ["b", "a"]
    with pytest.raises(ValidationError):
        comma_list({"n": ",".join(map(str, range(201)))}, "n")


def test_a_required_text_must_be_there() -> None:
    with pytest.raises(ValidationError):
        text({"n": "  "}, "n")
