"""What trading costs: on tick and step, and never kinder than the market."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.costs import affordable_qty, buy_price, ceil_to, fee, floor_to, sell_price

STEPS = st.sampled_from([Decimal(step) for step in ("1", "0.5", "0.25", "0.01", "0.00001", "1e-8")])
PRICES = st.decimals("0.00000001", "10000000", places=8)
VALUES = st.decimals("0", "1000000000", places=8)
BPS = st.decimals("0", "1000", places=2)


@given(value=VALUES, step=STEPS)
def test_a_rounded_value_is_on_the_step_and_less_than_a_step_away(
    value: Decimal, step: Decimal
) -> None:
    down, up = floor_to(value, step), ceil_to(value, step)

    assert down % step == 0
    assert up % step == 0
    assert value - step < down <= value <= up < value + step


@given(price=PRICES, bps=BPS, tick=STEPS)
def test_a_taker_never_gets_a_better_price_than_the_reference(
    price: Decimal, bps: Decimal, tick: Decimal
) -> None:
    bought, sold = buy_price(price, bps, tick), sell_price(price, bps, tick)

    assert bought >= price * (1 + bps / 10_000)
    assert sold <= max(price * (1 - bps / 10_000), tick)
    assert bought % tick == sold % tick == 0
    assert sold >= tick


@given(price=PRICES, tick=STEPS, bps=BPS, more=BPS)
def test_more_slippage_never_helps(
    price: Decimal, tick: Decimal, bps: Decimal, more: Decimal
) -> None:
    assert buy_price(price, bps + more, tick) >= buy_price(price, bps, tick)
    assert sell_price(price, bps + more, tick) <= sell_price(price, bps, tick)


@given(qty=VALUES, price=PRICES, bps=BPS)
def test_a_fee_is_rounded_up_at_the_eighth_decimal(
    qty: Decimal, price: Decimal, bps: Decimal
) -> None:
    charged, exact = fee(qty=qty, price=price, bps=bps), qty * price * bps / 10_000

    assert exact <= charged < exact + Decimal("0.00000001")
    assert charged % Decimal("0.00000001") == 0


@given(cash=VALUES, price=PRICES, bps=BPS, step=STEPS)
def test_what_cash_affords_never_costs_more_than_the_cash(
    cash: Decimal, price: Decimal, bps: Decimal, step: Decimal
) -> None:
    qty = affordable_qty(cash=cash, price=price, fee_bps=bps, step=step)

    assert qty * price + fee(qty=qty, price=price, bps=bps) <= cash
    assert qty % step == 0
    assert qty >= 0


@given(cash=VALUES, price=PRICES, bps=BPS, step=STEPS)
def test_what_cash_affords_leaves_less_than_one_more_lot(
    cash: Decimal, price: Decimal, bps: Decimal, step: Decimal
) -> None:
    more = affordable_qty(cash=cash, price=price, fee_bps=bps, step=step) + step

    assert more * price * (1 + bps / 10_000) + Decimal("0.00000002") > cash


@pytest.mark.parametrize("cash", ["0", "-1", "-0.00000001"])
def test_no_cash_affords_nothing(cash: str) -> None:
    step = Decimal("0.001")

    assert affordable_qty(cash=Decimal(cash), price=Decimal(1), fee_bps=Decimal(0), step=step) == 0


def test_a_sale_below_one_tick_still_gets_a_tick() -> None:
    assert sell_price(Decimal("0.004"), Decimal(0), Decimal("0.01")) == Decimal("0.01")
