"""The waterfall of a gap."""

from __future__ import annotations

from decimal import Decimal as D

from trading.drift_picture import AIR, HEIGHT, waterfall


def test_each_part_hangs_on_the_one_before_and_the_total_on_zero() -> None:
    price, fee, gap = waterfall({"Price": D(-4), "Fee": D(1)}, total="Gap")

    assert (price.y, price.y + price.height) == (price.zero, HEIGHT - AIR)
    assert fee.y + fee.height == price.y + price.height
    assert (gap.y, gap.value, gap.total) == (gap.zero, D(-3), True)
    assert gap.y + gap.height == fee.y


def test_nothing_at_all_still_has_a_base_line() -> None:
    steps = waterfall({"Price": D(0)}, total="Gap")

    assert {step.height for step in steps} == {1.0}
