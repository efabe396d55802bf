"""From a target to what should be done."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.decisions import REBALANCE_BAND, Wanted, decide
from trading.reasons import Reason

D = Decimal


def want(
    target: float,
    *,
    held: str = "0",
    pending: bool = False,
    mode: str = "long_flat",
    lanes: int = 1,
) -> Wanted:
    return decide(
        target=target,
        equity=D(1_000),
        lanes=lanes,
        held_value=D(held),
        pending=pending,
        mode=mode,
    )


@pytest.mark.parametrize("mode", ["long_flat", "rebalance"])
@pytest.mark.parametrize(
    ("target", "held", "wanted"),
    [
        (math.nan, "0", Wanted(None, Reason.NO_OPINION)),
        (math.nan, "500", Wanted(None, Reason.NO_OPINION)),
        (0.0, "0", Wanted(None, Reason.FLAT_NO_SIGNAL)),
        (1.0, "0", Wanted("BUY", Reason.SIGNAL_ENTER, D(1_000))),
        (0.4, "0", Wanted("BUY", Reason.SIGNAL_ENTER, D(400))),
        (0.0, "500", Wanted("SELL", Reason.SIGNAL_EXIT)),
        (1.0, "1000", Wanted(None, Reason.ALREADY_LONG)),
    ],
)
def test_what_a_target_asks_for(mode: str, target: float, held: str, wanted: Wanted) -> None:
    assert want(target, held=held, mode=mode) == wanted


@pytest.mark.parametrize("target", [0.0, 1.0, math.nan])
def test_nothing_is_asked_for_while_an_order_works(target: float) -> None:
    assert want(target, held="500", pending=True) == Wanted(None, Reason.ORDER_PENDING)


def test_a_symbol_gets_its_share_of_the_equity_to_the_last_digit() -> None:
    assert want(0.5, lanes=4).value == D(125)
    assert want(0.9, lanes=3).value == D(300)


@pytest.mark.parametrize("target", [0.1, 0.5, 1.0])
def test_long_flat_never_adds_to_a_position(target: float) -> None:
    assert want(target, held="300").side is None


@pytest.mark.parametrize(
    ("target", "held", "side", "value"),
    [
        (0.5, "300", "BUY", D(200)),
        (0.5, "700", "SELL", D(200)),
        (0.5, "451", None, None),
        (0.5, "450", "BUY", D(50)),
    ],
)
def test_rebalance_follows_the_wanted_exposure_outside_its_band(
    target: float, held: str, side: str | None, value: Decimal | None
) -> None:
    wanted = want(target, held=held, mode="rebalance")

    assert (wanted.side, wanted.value) == (side, value)


@given(target=st.floats(0.01, 1), held=st.decimals("0.01", "2000", places=2))
def test_a_rebalance_leaves_the_exposure_within_the_band(target: float, held: Decimal) -> None:
    wanted = want(target, held=str(held), mode="rebalance")

    change = D(0) if wanted.side is None else wanted.value or D(0)
    after = held + change if wanted.side == "BUY" else held - change
    assert abs(after - D(str(target)) * 1_000) <= REBALANCE_BAND * 1_000
