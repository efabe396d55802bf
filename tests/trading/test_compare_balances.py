"""How far balances may be apart before they differ."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from trading.reconciliation import Books, changes_of_fill, compare_balances, expected_balances

STEPS = {"BTC": D("0.00001"), "USDT": D("0.01")}


def told(asset: str, ours: str, theirs: str, *, rounded: int = 0) -> list[str]:
    books = Books({asset: D(ours)}, {asset: rounded})
    found = compare_balances(books, {asset: D(theirs)}, steps=STEPS)
    return [difference.evidence["difference"] for difference in found]


@pytest.mark.parametrize(
    ("asset", "theirs", "differs"),
    [
        ("BTC", "1.00001001", False),
        ("BTC", "1.00001002", True),
        ("BTC", "0.99998999", False),
        ("BNB", "1.00000001", False),  # a fee's asset that isn't traded has no step
        ("BNB", "1.00000002", True),
    ],
)
def test_a_step_and_a_dust_are_let_pass(asset: str, theirs: str, differs: bool) -> None:
    assert bool(told(asset, "1", theirs)) is differs


def test_only_postings_that_were_rounded_make_room() -> None:
    exact = expected_balances({}, [("BNB", D("0.00000001"))] * 1000)
    finer = expected_balances({}, [("BNB", D("0.000000001"))] * 1000)

    assert exact.tolerance("BNB", STEPS) == D("0.00000001")
    assert finer.tolerance("BNB", STEPS) == D("0.00001001")


def test_an_asset_of_one_side_only_differs() -> None:
    found = compare_balances(Books({"BTC": D(1)}), {"DOGE": D(7)}, steps={})

    assert [(row.asset, row.ours, row.theirs) for row in found] == [
        ("BTC", "1", "0"),
        ("DOGE", "0", "7"),
    ]


def test_what_can_not_be_judged_is_left_out() -> None:
    assert compare_balances(Books({"BTC": D(1)}), {}, steps={}, unsure={"BTC"}) == []


@pytest.mark.parametrize(
    ("fee_asset", "wanted"),
    [
        ("BTC", {"BTC": D("0.00999"), "USDT": D(-400)}),
        ("USDT", {"BTC": D("0.01"), "USDT": D("-400.00001")}),
        ("BNB", {"BTC": D("0.01"), "USDT": D(-400), "BNB": D("-0.00001")}),
    ],
)
def test_a_fee_is_taken_from_its_own_asset(fee_asset: str, wanted: dict[str, D]) -> None:
    changes = changes_of_fill(
        buy=True,
        qty=D("0.01"),
        price=D(40_000),
        fee=D("0.00001"),
        fee_asset=fee_asset,
        base="BTC",
        quote="USDT",
    )

    assert expected_balances({}, changes).totals == wanted
