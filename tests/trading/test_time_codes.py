"""Codes of authenticator apps, against the vectors of RFC 4226 and RFC 6238."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trading.phones import totp
from trading import time_codes

SEED = base64.b32encode(b"12345678901234567890").decode()
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

# RFC 4226, appendix D.
COUNTED = (
    *("755224", "287082", "359152", "969429", "338314"),
    *("254676", "287922", "162583", "399871", "520489"),
)
# RFC 6238, appendix B, SHA1: seconds, eight digits. Ours are the last six of them.
TIMED = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}
seeds = st.binary(min_size=20, max_size=20).map(lambda raw: base64.b32encode(raw).decode())
times = st.integers(10**6, 4 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def test_the_codes_are_those_of_the_rfc() -> None:
    assert tuple(time_codes.code_at(SEED, step) for step in range(10)) == COUNTED


@pytest.mark.parametrize("seconds", TIMED)
def test_the_codes_of_times_are_those_of_the_rfc(seconds: int) -> None:
    now = datetime.fromtimestamp(seconds, UTC)

    assert time_codes.code_at(SEED, time_codes.step_of(now)) == TIMED[seconds][-6:]
    assert totp(SEED, seconds, digits=8) == TIMED[seconds]  # the tests' own app, too


@given(seed=seeds, now=times, late=st.integers(-300, 300))
def test_a_code_counts_from_a_step_before_to_a_step_after(
    seed: str, now: datetime, late: int
) -> None:
    code = totp(seed, int(now.timestamp()))
    then = now + timedelta(seconds=late)
    steps = abs(time_codes.step_of(then) - time_codes.step_of(now))

    found = time_codes.step_matching(seed, code, now=then)

    # Two steps may have the same code by chance: then it is right for another reason.
    near = {time_codes.code_at(seed, time_codes.step_of(then) + shift) for shift in (-1, 0, 1)}
    assert (found is not None) == (code in near)
    assert found is not None or steps > 1


@given(seed=seeds, now=times, later=st.integers(0, 3600))
def test_no_code_counts_twice_or_after_a_later_one(seed: str, now: datetime, later: int) -> None:
    used = time_codes.step_matching(seed, totp(seed, int(now.timestamp())), now=now)
    assert used is not None

    then = now + timedelta(seconds=later)
    found = time_codes.step_matching(seed, totp(seed, int(now.timestamp())), now=then, after=used)

    assert found is None or found > used  # by chance another step's code


@given(st.text(max_size=12))
def test_rubbish_is_no_code(typed: str) -> None:
    found = time_codes.step_matching(SEED, time_codes.digits_of(typed), now=NOW)

    assert found is None or time_codes.digits_of(typed) == time_codes.code_at(SEED, found)


def test_what_was_pasted_with_spaces_or_a_dash_is_the_same_code() -> None:
    assert {time_codes.digits_of(text) for text in ("123 456", " 123456\n", "123-456")} == {
        "123456"
    }


def test_seeds_are_as_long_as_the_hash_and_never_the_same() -> None:
    made = {time_codes.new_seed() for _ in range(50)}

    assert len(made) == 50
    assert {len(base64.b32decode(seed)) for seed in made} == {20}


def test_what_is_no_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="no seed"):
        time_codes.code_at("not base32!", 1)


def test_the_address_names_issuer_and_person_for_the_app() -> None:
    url = urlparse(time_codes.address_of(SEED, name="o'neil/ä&x=1", issuer="Countersign"))

    assert (url.scheme, url.netloc) == ("otpauth", "totp")
    assert unquote(url.path) == "/Countersign:o'neil/ä&x=1"
    assert parse_qs(url.query) == {"secret": [SEED], "issuer": ["Countersign"]}
