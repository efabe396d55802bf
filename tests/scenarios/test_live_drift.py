"""A paper bot that lives on quotes against its shadow on closed candles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from config import clock
from tests.strategies.factories import make_version
from tests.trading.cycles import CLOSE, cycle, live
from tests.trading.factories import (
    BAR_MS,
    QUICK,
    bars,
    later,
    make_candles,
    make_user,
    quote,
    quotes,
)
from tests.trading.factories import NOW as MIDNIGHT
from trading import services
from trading.models import Bot, BotDrift, Fill, Position
from trading.services._bots import halt_bots
from trading.services.research import _drift
from trading.services.research._drift_versions import turns_of
from trading.simulation import run as simulate_run

pytestmark = pytest.mark.django_db
# Up, over the averages, down below them, and up again.
DAY = [100.0, 104, 108, 112, 110, 104, 98, 94, 92, 92, 96, 102, 108, 110, 112]
FEES = {"fee_taker_bps": "10", "fee_maker_bps": "10", "half_spread_bps": "1", "slippage_bps": "2"}


def lived(
    closes: Sequence[float] = DAY,
    *,
    dearer: float = 0.0,
    away: Sequence[int] = (),
    between: Mapping[int, Any] = {},
    **given: Any,
) -> Bot:
    """A bot that lived through these closes; each quote is the close, and so the next open.

    `dearer` is put on every quote; the bot doesn't look after the candles in `away`; what is in
    `between` is done after a candle has closed and before the bot looks.
    """
    bot = live(strategy="sma_cross", params=QUICK, **given)
    cycle(bot, closes[0])
    for number in range(1, len(closes) + 1):
        at = next_candle(bot, number, closes)
        if number in between:
            between[number](bot, at)
        if number not in away:
            cycle(bot, closes[number - 1] + dearer, now=at)
    return bot


def next_candle(bot: Bot, number: int, closes: Sequence[float] = DAY) -> datetime:
    """Store candle `number` after the start, opened at the close before; a second after it."""
    before = closes[max(number - 2, 0)]
    rows = bars([before, closes[number - 1]], start_ms=CLOSE + (number - 2) * BAR_MS)
    make_candles(bot.symbols.get(), rows[1:])
    return later(number * 300 + 1)


def measured(bot: Bot) -> BotDrift:
    row = services.measure_drift(bot_id=bot.pk, now=later(86_400))
    assert row is not None
    assert row.price + row.fee + row.missed + row.timing == row.gap
    assert float(row.gap) == pytest.approx(gained(bot, row) - shadow_gained(bot), abs=1e-6)
    return row


def gained(bot: Bot, row: BotDrift) -> float:
    """From the books, without the drift's own sums: fills after the stretch taken back."""
    mark = D(str(DAY[-1]))
    value = bot.starting_cash * 0
    for fill in Fill.objects.filter(bot=bot, at__lt=clock.from_ms(row.to_ms)):
        signed = fill.qty if fill.side == "BUY" else -fill.qty
        value += signed * (mark - fill.price) - fill.fee
    return float(value)


def shadow_gained(bot: Bot) -> float:
    """From the engine's own equity."""
    bot.refresh_from_db()
    life = _drift._life(bot)
    assert life is not None
    result = simulate_run(
        *_drift._shadow(bot, life, turns_of(bot, from_ms=life.from_ms, to_ms=life.to_ms))
    )
    return float(result.equity[-1]) - float(life.cash)


def notes(row: BotDrift) -> list[str]:
    return [each["text"] for each in row.detail if each["kind"] == "note"]


def test_quotes_at_the_open_of_the_next_candle_are_the_shadow_to_the_last_digit() -> None:
    bot = lived()

    drift = measured(bot)

    assert drift.fills == Fill.objects.filter(bot=bot).count() == 3
    assert (drift.gap, drift.price, drift.fee, drift.missed, drift.timing) == (0, 0, 0, 0, 0)
    assert (drift.mismatches, drift.fill_bps, drift.detail) == (0, 0.0, [])


def test_dearer_quotes_are_a_price_gap_and_what_they_buy_less_is_missed() -> None:
    drift = measured(lived(dearer=0.5))

    # Half a unit dear to buy twice, and to sell once, of about 90 units.
    assert float(drift.price) == pytest.approx(-0.5 * 90, rel=0.05)
    assert 0 < abs(drift.missed) < 10
    assert (drift.mismatches, drift.timing, drift.fee) == (0, 0, 0)


def test_a_quote_at_the_side_of_the_simulation_costs_what_it_costs() -> None:
    drift = measured(lived(knobs=FEES))

    # The shadow pays the half spread of its knobs; these quotes had none.
    assert drift.fill_bps == pytest.approx(-1.0, abs=0.05)  # prices have a tick
    assert 0 < drift.price < 4
    assert 0 < abs(drift.fee) < D("0.01")
    assert drift.mismatches == 0


def test_a_quote_a_candle_later_is_timing() -> None:
    def no_quote(bot: Bot, at: datetime) -> None:
        """The entry is decided without a quote, so the next candle's fills it."""
        services.run_bot(bot_id=bot.pk, now=at, quote_for=quotes({}))

    drift = measured(lived(between={3: no_quote}, away=[3]))

    # 89 units bought at 112, not at 108.
    assert float(drift.timing) == pytest.approx(-4 * 10_000 / 112, rel=0.01)
    assert drift.price == 0
    assert drift.mismatches == 0


def test_a_signal_that_the_bot_was_away_for_is_missed() -> None:
    drift = measured(lived(away=[3, 4]))

    assert drift.missed != 0
    assert (drift.price, drift.timing) == (0, 0)
    assert notes(drift) == ["Closes that the bot came too late for: 2."]
    assert [each["side"] for each in drift.detail if each["kind"] == "fill"]


def test_a_late_start_begins_with_the_first_decision() -> None:
    bot = live(strategy="sma_cross", params=QUICK, start=False)
    for number in range(1, 6):
        at = next_candle(bot, number)
    services.start_bot(bot_id=bot.pk, by=None, now=at)
    cycle(bot, DAY[4], now=at)
    for number in range(6, len(DAY) + 1):
        cycle(bot, DAY[number - 1], now=next_candle(bot, number))

    drift = measured(bot)

    assert drift.from_ms == CLOSE + 4 * BAR_MS
    assert (drift.gap, drift.mismatches, drift.detail) == (0, 0, [])


def test_a_pause_is_said_and_its_closes_are_mismatches() -> None:
    def stop(bot: Bot, at: datetime) -> None:
        services.stop_bot(bot_id=bot.pk, by=None, now=at)

    def start(bot: Bot, at: datetime) -> None:
        services.start_bot(bot_id=bot.pk, by=None, now=at)

    drift = measured(lived(between={3: stop, 7: start}, away=[3, 4, 5, 6]))

    assert drift.mismatches == 4
    assert drift.detail[1]["missing"] == "bot"
    assert notes(drift) == ["Stopped and started again, times: 1. The shadow went on."]


def test_an_emergency_stop_is_a_pause_too() -> None:
    def stop(bot: Bot, at: datetime) -> None:
        halt_bots(Bot.objects.filter(pk=bot.pk), now=at)

    def start(bot: Bot, at: datetime) -> None:
        services.start_bot(bot_id=bot.pk, by=None, now=at)

    drift = measured(lived(between={3: stop, 7: start}, away=[3, 4, 5, 6]))

    assert notes(drift) == ["Stopped and started again, times: 1. The shadow went on."]


def test_knobs_turned_in_between_are_named() -> None:
    def turn(bot: Bot, at: datetime) -> None:
        knobs = {"fee_taker_bps": "50", "max_exposure": "0.25"}
        services.set_knobs(bot_id=bot.pk, knobs=knobs, by=None, now=at)

    drift = measured(lived(between={6: turn}))

    assert drift.fee + drift.missed != 0
    assert notes(drift) == [
        "Changed during the stretch, while the shadow has what holds now: "
        "fee_taker_bps, max_exposure."
    ]


def test_a_version_that_was_changed_decides_its_own_closes_in_the_shadow_too() -> None:
    def change(bot: Bot, at: datetime) -> None:
        version = make_version("sma_cross", fast=2, slow=4)
        services.stop_bot(bot_id=bot.pk, by=None, now=at)
        services.update_bot(bot_id=bot.pk, changes={"version": version}, by=None, now=at)
        services.start_bot(bot_id=bot.pk, by=None, now=at)

    drift = measured(lived(between={6: change}))

    assert (drift.mismatches, drift.gap) == (0, 0)
    assert notes(drift) == [
        "Decided by v2, v3, in this order; the shadow has each in its time.",
        "Stopped and started again, times: 1. The shadow went on.",
    ]


def test_a_name_that_was_changed_is_nothing_to_tell() -> None:
    def rename(bot: Bot, at: datetime) -> None:
        services.update_bot(bot_id=bot.pk, changes={"name": "Other"}, by=None, now=at)

    assert notes(measured(lived(between={6: rename}))) == []


def test_an_order_by_hand_is_told_and_missed_by_the_shadow() -> None:
    person = make_user()

    def sell(bot: Bot, at: datetime) -> None:
        symbol = bot.symbols.get()
        prices = quotes({symbol: quote(108.0, at=at)})
        intent = services.create_intent(
            bot_id=bot.pk,
            symbol=symbol,
            side="SELL",
            qty=D(1),
            by=person,
            now=at,
            idempotency_key="by-hand",
            quote_for=prices,
        )
        services.place_order(intent_id=intent.pk, by=person, now=at, quote_for=prices)

    bot = lived(between={13: sell}, knobs={"max_exposure": "0.5"})
    drift = measured(bot)

    assert Position.objects.filter(bot=bot).exists()
    assert notes(drift) == ["Fills of orders by hand, which the shadow doesn't have: 1."]
    assert drift.missed == drift.gap == -4  # one less, from 108 to 112


def test_a_stale_price_is_told() -> None:
    bot = live(strategy="sma_cross", params=QUICK, knobs={"max_price_age_s": 30})
    for number, close in enumerate(DAY, start=1):
        at = next_candle(bot, number)
        stale = at - timedelta(seconds=40) if number == 3 else at
        cycle(bot, close, now=at, at=stale)

    assert any("price_stale: 1" in each for each in notes(measured(bot)))


def test_measuring_twice_tells_the_same() -> None:
    bot = lived(dearer=0.5)

    first, second = measured(bot), measured(bot)

    assert (first.gap, first.detail) == (second.gap, second.detail)
    assert first.to_ms == clock.to_ms(MIDNIGHT) + len(DAY) * BAR_MS
