"""How much to buy: never beyond cash or limits, with the costs of the fill kept back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trading.values import account, filters, limits, terms
from trading.costs import buy_price, fee
from trading.risk import Denial, check_buy
from trading.sizing import size_entry

MONEY = st.decimals("0", "1000000", places=6)
SHARES = st.decimals("0.01", "1", places=4)


@given(wanted=MONEY, cash=MONEY, held=MONEY, price=st.decimals("0.01", "100000", places=2))
def test_an_entry_with_its_costs_never_takes_more_than_the_cash(
    wanted: Decimal, cash: Decimal, held: Decimal, price: Decimal
) -> None:
    books = account(free_cash=cash, equity=cash + held, price=price)

    sized = size_entry(
        wanted=wanted, account=books, limits=limits(), filters=filters(), terms=terms()
    )

    paid = buy_price(price, Decimal(3), filters().price_tick)
    assert sized.qty * paid + fee(qty=sized.qty, price=paid, bps=Decimal(10)) <= cash
    assert sized.qty >= 0
    assert sized.qty % filters().qty_step == 0


@given(wanted=MONEY, exposure=SHARES, position=SHARES, held=MONEY)
def test_an_entry_never_passes_a_limit(
    wanted: Decimal, exposure: Decimal, position: Decimal, held: Decimal
) -> None:
    books = account(
        free_cash=Decimal(500_000),
        equity=500_000 + held,
        exposure=held,
        position_value=held,
    )
    bounds = limits(max_exposure=exposure, max_position=position)

    sized = size_entry(
        wanted=wanted, account=books, limits=bounds, filters=filters(), terms=terms()
    )

    allowed = max(min(exposure, position) * books.equity - held, Decimal(0))
    assert sized.qty * books.price <= min(wanted, allowed)
    assert check_buy(qty=sized.qty, account=books, limits=bounds, filters=filters()) in {
        None,
        Denial.BELOW_MIN_QTY,
        Denial.BELOW_MIN_NOTIONAL,
        Denial.MAX_POSITION_REACHED,
        Denial.MAX_EXPOSURE_REACHED,
    }


@pytest.mark.parametrize(
    ("books", "bounds", "bound_by"),
    [
        ({}, {}, None),
        ({"free_cash": Decimal(10)}, {}, Denial.CASH_INSUFFICIENT),
        ({}, {"max_exposure": Decimal("0.05")}, Denial.MAX_EXPOSURE_REACHED),
        ({}, {"max_position": Decimal("0.05")}, Denial.MAX_POSITION_REACHED),
        (
            {"exposure": Decimal(9_900), "position_value": Decimal(9_900)},
            {"max_exposure": Decimal("0.95"), "max_position": Decimal("0.95")},
            Denial.MAX_EXPOSURE_REACHED,
        ),
    ],
)
def test_the_tightest_limit_is_named(
    books: dict[str, Decimal], bounds: dict[str, Decimal], bound_by: Denial | None
) -> None:
    sized = size_entry(
        wanted=Decimal(1_000),
        account=account(**books),
        limits=limits(**bounds),
        filters=filters(),
        terms=terms(),
    )

    assert sized.bound_by == bound_by


def test_nothing_is_bought_for_a_price_that_one_lot_does_not_fit() -> None:
    books = account(free_cash=Decimal("0.01"), price=Decimal(100))

    sized = size_entry(
        wanted=Decimal(1_000), account=books, limits=limits(), filters=filters(), terms=terms()
    )

    assert sized.qty == 0
    assert sized.bound_by == Denial.CASH_INSUFFICIENT
