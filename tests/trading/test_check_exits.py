"""Protective exits: the pessimistic order of events within a bar."""

from __future__ import annotations

from decimal import Decimal

import pytest

from strategies.protocol import Exits
from tests.trading.test_match_order import bar
from trading.exits import ExitHit, check_exits
from trading.reasons import Reason

D = Decimal
STOP, PROFIT, TRAIL = Reason.STOP_LOSS, Reason.TAKE_PROFIT, Reason.TRAILING_STOP


def hit(exits: Exits, *, low: str, high: str, top: str = "100") -> ExitHit | None:
    """What a position bought at 100 meets in a bar between `low` and `high`."""
    market = bar(open_="100", high=high, low=low, close="100")
    return check_exits(exits=exits, entry_price=D(100), high_since_entry=D(top), market=market)


@pytest.mark.parametrize(
    ("exits", "low", "high", "top", "reason", "level"),
    [
        (Exits(), "1", "1000", "100", None, None),
        (Exits(stop_loss=0.05), "95.01", "100", "100", None, None),
        (Exits(stop_loss=0.05), "95", "100", "100", STOP, "95"),
        (Exits(take_profit=0.05), "100", "105", "100", None, None),
        (Exits(take_profit=0.05), "100", "105.01", "100", PROFIT, "105"),
        (Exits(trailing=0.1), "108.01", "120", "120", None, None),
        (Exits(trailing=0.1), "108", "120", "120", TRAIL, "108"),
        # Both in one bar: the stop is taken to have come first.
        (Exits(stop_loss=0.05, take_profit=0.05), "95", "106", "100", STOP, "95"),
        # Of two stops the higher one is met first.
        (Exits(stop_loss=0.05, trailing=0.1), "90", "110", "100", STOP, "95"),
        (Exits(stop_loss=0.05, trailing=0.1), "90", "110", "120", TRAIL, "108"),
    ],
)
def test_the_level_that_a_bar_reached(
    exits: Exits, low: str, high: str, top: str, reason: Reason | None, level: str | None
) -> None:
    found = hit(exits, low=low, high=high, top=top)

    assert (found and found.reason) == reason
    assert (found and found.level) == (None if level is None else D(level))


def test_the_trailing_level_does_not_know_the_high_of_its_own_bar() -> None:
    assert hit(Exits(trailing=0.1), low="95", high="200", top="100") is None


def test_only_a_profit_target_is_no_stop() -> None:
    stopped = hit(Exits(stop_loss=0.05), low="90", high="100")
    gained = hit(Exits(take_profit=0.05), low="100", high="110")

    assert stopped
    assert stopped.stop
    assert gained
    assert not gained.stop
