"""What loosens a limit: everything that lets more be lost, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.env import Env
from tests.trading.values import account, filters, limits
from trading.costs import Terms
from trading.knobs import Knobs
from trading.loosening import (
    ACCOUNT,
    KNOBS,
    AccountLimits,
    account_changes,
    knob_changes,
)
from trading.sizing import size_entry

TODAY = Knobs.model_validate(
    {
        **Knobs.defaults(Env()).model_dump(),
        "position_mode": "long_flat",
        "max_exposure": "0.5",
        "max_position": "0.25",
        "max_daily_loss": "0.05",
        "max_drawdown": "0.2",
        "max_price_age_s": 30,
        "cooldown_candles": 3,
        "protection": "exchange",
        "on_protection_failure": "flatten",
        "fee_maker_bps": 10,
        "fee_taker_bps": 10,
        "half_spread_bps": 5,
        "slippage_bps": 5,
        "volume_cap": "0.1",
    }
)
LOOSER: dict[str, Any] = {
    "position_mode": "rebalance",
    "max_exposure": "0.500000001",
    "max_position": "1",
    "max_daily_loss": "0.06",
    "max_drawdown": "0.21",
    "max_price_age_s": 30.5,
    "cooldown_candles": 2,
    "protection": "software",
    "on_protection_failure": "retry",
    "fee_taker_bps": 9,
    "half_spread_bps": 0,
    "slippage_bps": "4.9",
    "volume_cap": "0.2",
}
NOT_LOOSER: dict[str, Any] = {
    "max_exposure": "0.4",
    "max_position": "0.25",
    "max_daily_loss": "0.01",
    "max_drawdown": "0.2000",
    "max_price_age_s": 1,
    "cooldown_candles": 4,
    "protection": "exchange",
    "on_protection_failure": "flatten",
    "fee_maker_bps": 0,
    "fee_taker_bps": 11,
    "half_spread_bps": 6,
    "slippage_bps": 50,
    "volume_cap": "0.05",
}
OF_ACCOUNT = AccountLimits(("BTC/USDT", "ETH/USDT"), D(500), D(800))


def turned(**changes: Any) -> Knobs:
    return Knobs.model_validate({**TODAY.model_dump(), **changes})


def looser(**changes: Any) -> set[str]:
    return {each.name for each in knob_changes(TODAY, turned(**changes)) if each.looser}


def some(of: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of them together, also none."""
    names = st.sets(st.sampled_from(sorted(of)))
    return names.map(lambda chosen: {name: of[name] for name in chosen})


def test_every_knob_and_every_limit_of_an_account_has_a_rule() -> None:
    assert set(KNOBS) == set(Knobs.model_fields)
    assert set(ACCOUNT) == set(AccountLimits.__dataclass_fields__)
    assert set(LOOSER) | set(NOT_LOOSER) == set(KNOBS)


@given(some(NOT_LOOSER))
def test_what_is_not_looser_is_never_called_looser(changes: dict[str, Any]) -> None:
    assert looser(**changes) == set()


@given(some(LOOSER), some(NOT_LOOSER))
def test_what_is_looser_is_found_whatever_stands_beside_it(
    loose: dict[str, Any], tight: dict[str, Any]
) -> None:
    assert looser(**{**tight, **loose}) == set(loose)


@given(st.decimals("0.01", "1", places=3), st.decimals("0.01", "1", places=3), st.integers(0, 1000))
def test_of_two_different_sets_of_limits_one_way_or_the_other_is_looser(
    exposure: D, loss: D, cooldown: int
) -> None:
    other = turned(max_exposure=exposure, max_daily_loss=loss, cooldown_candles=cooldown)
    there, back = knob_changes(TODAY, other), knob_changes(other, TODAY)

    assert [each.looser for each in there] == [not each.looser for each in back]


@pytest.mark.parametrize(
    ("before", "after", "is_looser"),
    [
        ("flatten", "retry", True),
        ("flatten", "software", True),
        ("software", "retry", True),
        ("retry", "software", True),  # no more tries for a stop that outlives this process
        ("retry", "flatten", False),
        ("software", "flatten", False),
    ],
)
def test_only_selling_at_once_is_surely_no_worse_after_a_failed_stop(
    before: str, after: str, is_looser: bool
) -> None:
    (change,) = knob_changes(
        turned(on_protection_failure=before), turned(on_protection_failure=after)
    )
    assert change.looser is is_looser


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, set()),
        ({"symbols": ("BTC/USDT",)}, set()),
        ({"symbols": ("ETH/USDT", "BTC/USDT")}, set()),
        ({"symbols": ("BTC/USDT", "SOL/USDT")}, {"symbols"}),
        ({"symbols": ("BTC/EUR",)}, {"symbols"}),
        ({"symbols": ()}, set()),
        ({"max_order": D("499.99"), "max_exposure": D(0)}, set()),
        ({"max_order": D("500.00")}, set()),
        ({"max_order": D(501), "max_exposure": D(600)}, {"max_order"}),
        ({"max_exposure": D("800.000000000000000001")}, {"max_exposure"}),
    ],
)
def test_an_account_is_looser_with_another_symbol_or_a_higher_amount(
    changes: dict[str, Any], found: set[str]
) -> None:
    said = account_changes(OF_ACCOUNT, replace(OF_ACCOUNT, **changes))

    assert {each.name for each in said if each.looser} == found


def test_what_allowed_nothing_is_looser_with_any_amount() -> None:
    nothing = AccountLimits((), D(0), D(0))

    assert all(each.looser for each in account_changes(nothing, OF_ACCOUNT))
    assert not any(each.looser for each in account_changes(OF_ACCOUNT, nothing))


def test_a_change_is_told_as_people_typed_it() -> None:
    (change,) = knob_changes(TODAY, turned(max_exposure=D("0.80")))

    assert (str(change), change.title, change.unit) == (
        "0.5 -> 0.8",
        "Maximum exposure",
        "of equity",
    )
    (symbols,) = account_changes(OF_ACCOUNT, replace(OF_ACCOUNT, symbols=()))
    assert str(symbols) == "BTC/USDT, ETH/USDT -> none"
    assert account_changes(OF_ACCOUNT, replace(OF_ACCOUNT, max_order=D(1)))[0].unit == "USDT"


@given(
    st.decimals("0", "1000", places=1),
    st.decimals("0", "1000", places=1),
    st.decimals("0", "1000", places=1),
)
def test_cheaper_assumptions_make_an_entry_larger_also_a_live_one(
    fee: D, spread: D, slippage: D
) -> None:
    def entry(terms: Terms) -> D:
        sized = size_entry(
            wanted=D(1000), account=account(), limits=limits(), filters=filters(), terms=terms
        )
        return sized.qty

    given_terms = Terms(D(0), fee, spread, slippage, D(1))
    free = Terms(D(0), D(0), D(0), D(0), D("0.001"))
    dear_maker = replace(given_terms, fee_maker_bps=D(1000), volume_cap=D("0.5"))

    assert entry(given_terms) <= entry(free)
    assert entry(given_terms) == entry(dear_maker)
