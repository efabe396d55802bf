"""Pre-trade checks: each refusal can be reached, and the gravest is named first."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trading.values import account, filters, limits
from trading.risk import Denial, check_buy, check_sell

D = Decimal
MONEY = st.decimals("0", "100000", places=2)

# In the order in which they are asked: each case breaks its own rule and all that follow.
Case = tuple[Denial, dict[str, Any], dict[str, Any]]

BOTH: list[Case] = [
    (Denial.TRADING_HALTED, {"halted": True}, {}),
    (Denial.SYMBOL_HALTED, {"symbol_trading": False}, {}),
    (Denial.PRICE_STALE, {"price_age_s": 31.0}, {}),
    (Denial.ORDER_UNRESOLVED, {"unresolved_order": True}, {}),
]
ENTRY: list[Case] = [
    (Denial.DAILY_LOSS_REACHED, {"day_start_equity": D(12_000)}, {"max_daily_loss": D("0.1")}),
    (Denial.DRAWDOWN_REACHED, {"peak_equity": D(20_000)}, {"max_drawdown": D("0.3")}),
    (Denial.COOLDOWN, {"candles_since_exit": 2}, {"cooldown_candles": 3}),
    (Denial.NEWS_WINDOW, {"news": True}, {}),
]
ROOM: list[Case] = [
    (Denial.MAX_EXPOSURE_REACHED, {"exposure": D(9_500)}, {"max_exposure": D("0.95")}),
    (Denial.MAX_POSITION_REACHED, {"position_value": D(9_500)}, {"max_position": D("0.95")}),
    (Denial.CASH_INSUFFICIENT, {"free_cash": D(99)}, {}),
]


def _chain(cases: list[Case], first: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The books and limits that break case `first` and all after it."""
    books: dict[str, Any] = {}
    bounds: dict[str, Any] = {}
    for _, changed, limited in cases[first:]:
        books |= changed
        bounds |= limited
    return books, bounds


@pytest.mark.parametrize("first", range(len(BOTH + ENTRY + ROOM)))
def test_a_buy_is_refused_with_the_gravest_reason(first: int) -> None:
    books, bounds = _chain(BOTH + ENTRY + ROOM, first)

    denial = check_buy(
        qty=D(1), account=account(**books), limits=limits(**bounds), filters=filters()
    )

    assert denial == (BOTH + ENTRY + ROOM)[first][0]


@pytest.mark.parametrize("first", range(len(BOTH)))
def test_a_sale_is_refused_with_the_gravest_reason(first: int) -> None:
    books, bounds = _chain(BOTH, first)

    denial = check_sell(
        qty=D(1), account=account(**books), limits=limits(**bounds), filters=filters()
    )

    assert denial == BOTH[first][0]


@pytest.mark.parametrize(
    ("qty", "rules", "denial"),
    [
        ("1.0005", {}, Denial.QTY_NOT_ON_STEP),
        ("0", {}, Denial.BELOW_MIN_QTY),
        ("-1", {}, Denial.BELOW_MIN_QTY),
        ("0.5", {"min_qty": "1"}, Denial.BELOW_MIN_QTY),
        ("0.049", {}, Denial.BELOW_MIN_NOTIONAL),
        ("0.05", {}, None),
    ],
)
def test_the_exchanges_filters_are_checked_before_it_has_to(
    qty: str, rules: dict[str, str], denial: Denial | None
) -> None:
    books = account(sellable_qty=D(10))

    for check in (check_buy, check_sell):
        refused = check(qty=D(qty), account=books, limits=limits(), filters=filters(**rules))
        assert refused == denial


@pytest.mark.parametrize(("case", "limit"), [(case, case[2]) for case in ENTRY])
def test_loss_limits_and_cooldown_never_stop_a_sale(case: Any, limit: dict[str, Any]) -> None:
    books = account(sellable_qty=D(1), **case[1])

    assert check_sell(qty=D(1), account=books, limits=limits(**limit), filters=filters()) is None


def test_nobody_sells_more_than_is_held_and_not_yet_for_sale() -> None:
    books = account(sellable_qty=D("0.999"))

    denial = check_sell(qty=D(1), account=books, limits=limits(), filters=filters())

    assert denial == Denial.POSITION_INSUFFICIENT


@pytest.mark.parametrize(
    ("books", "bounds"),
    [
        ({"price_age_s": 30.0}, {}),
        ({"candles_since_exit": 3}, {"cooldown_candles": 3}),
        ({"exposure": D(9_400)}, {"max_exposure": D("0.95")}),
        ({"free_cash": D(100)}, {}),
        ({"day_start_equity": D(11_111)}, {"max_daily_loss": D("0.1")}),
    ],
)
def test_a_buy_exactly_at_a_limit_is_allowed(books: dict[str, Any], bounds: dict[str, Any]) -> None:
    assert (
        check_buy(qty=D(1), account=account(**books), limits=limits(**bounds), filters=filters())
        is None
    )


def test_a_position_larger_than_the_maximum_exposure_allows_no_more() -> None:
    books = account(exposure=D(9_900), position_value=D(9_900), free_cash=D(100))
    bounds = limits(max_exposure=D("0.95"), max_position=D("0.95"))

    denial = check_buy(qty=D("0.1"), account=books, limits=bounds, filters=filters())

    assert denial == Denial.MAX_EXPOSURE_REACHED


@given(qty=st.decimals("0.001", "200", places=3), cash=MONEY, exposure=MONEY, most=MONEY)
def test_what_is_allowed_is_inside_cash_and_exposure(
    qty: Decimal, cash: Decimal, exposure: Decimal, most: Decimal
) -> None:
    books = account(free_cash=cash, exposure=exposure, equity=D(100_000))
    bounds = limits(max_exposure=most / 100_000)

    if check_buy(qty=qty, account=books, limits=bounds, filters=filters()) is None:
        assert qty * books.price <= cash
        assert exposure + qty * books.price <= most
