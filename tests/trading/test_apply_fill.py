"""Positions as folds: whatever is bought and sold, cash and inventory add up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.positions import Filled, Holding, Oversold, apply_fill

D = Decimal
QTYS = st.decimals("0.00001", "1000", places=5)
PRICES = st.decimals("0.01", "100000", places=2)
# A coin that costs billions of its quote asset, as there are.
DEAR = st.decimals("1000000000", "90000000000", places=2)


@st.composite
def sequences(draw: st.DrawFn, prices: st.SearchStrategy[Decimal] = PRICES) -> list[Filled]:
    """Buys and sales that never go short, with fees of up to one per cent."""
    fills, held = [], D(0)
    for _ in range(draw(st.integers(1, 12))):
        price, qty = draw(prices), draw(QTYS)
        buy = not held or draw(st.booleans())
        qty = qty if buy else min(qty, held)
        charged = (qty * price * draw(st.integers(0, 100)) / 10_000).quantize(D("1e-8"))
        held += qty if buy else -qty
        fills.append(Filled(buy, qty, price, charged))
    return fills


def fold(fills: list[Filled]) -> Holding:
    holding = Holding()
    for fill in fills:
        holding = apply_fill(holding, fill)
    return holding


@given(fills=sequences())
def test_cash_and_inventory_at_cost_are_conserved(fills: list[Filled]) -> None:
    holding = fold(fills)

    cash = sum((fill.cash_change for fill in fills), D(0))
    assert abs(cash + holding.qty * holding.avg_cost - holding.realized_pnl) < D("1e-10")


@given(fills=sequences(DEAR))
def test_dear_coins_are_counted_to_the_last_digit_too(fills: list[Filled]) -> None:
    holding = fold(fills)

    cash = sum((fill.cash_change for fill in fills), D(0))
    assert abs(cash + holding.qty * holding.avg_cost - holding.realized_pnl) < D("1e-8")


@given(fills=sequences())
def test_quantity_and_fees_are_plain_sums(fills: list[Filled]) -> None:
    holding = fold(fills)

    assert holding.qty == sum(fill.qty if fill.buy else -fill.qty for fill in fills)
    assert holding.fees == sum(fill.fee for fill in fills)
    assert holding.qty >= 0


@given(fills=sequences())
def test_what_was_sold_out_has_no_cost_left(fills: list[Filled]) -> None:
    holding = fold(fills)
    flat = apply_fill(holding, Filled(False, holding.qty, D(1), D(0))) if holding.qty else holding

    assert not any((flat.qty, flat.avg_cost, flat.entry_price))
    cash = sum((fill.cash_change for fill in fills), D(0)) + holding.qty
    assert abs(flat.realized_pnl - cash) < D("1e-10")


def test_the_buying_fee_is_part_of_the_cost_but_not_of_the_entry_price() -> None:
    holding = fold([Filled(True, D(2), D(100), D("0.2")), Filled(True, D(2), D(110), D("0.2"))])

    assert holding.avg_cost == D("105.1")
    assert holding.entry_price == D("105")
    assert holding.unrealized_pnl(D(106)) == D("3.6")


def test_a_fee_in_the_base_asset_leaves_less_to_sell() -> None:
    holding = fold([Filled(True, D(1), D(100), D("0.001"), fee_in_base=True)])

    assert holding.qty == D("0.999")
    assert holding.fees == D("0.1")
    with pytest.raises(Oversold):
        apply_fill(holding, Filled(False, D(1), D(100), D(0)))


def test_selling_more_than_is_held_is_refused() -> None:
    with pytest.raises(Oversold):
        apply_fill(Holding(), Filled(False, D(1), D(100), D(0)))
