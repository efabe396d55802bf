"""A replay: each closed candle is decided once, and orders fill at later bars only."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from config import clock
from marketdata import store
from tests.trading.factories import (
    BAR_MS,
    MIDNIGHT_MS,
    NOW,
    QUICK,
    QUICK_WARMUP,
    bars,
    make_bot,
    make_candles,
    make_order,
    make_replay,
    make_symbol,
    no_quotes,
    run,
)
from trading import services
from trading.models import Bot, DecisionRecord, Fill, Order, PortfolioSnapshot, Position, Trade
from trading.models.bots import BotSymbol
from trading.order_state import OrderStatus
from trading.services import _replay, _tape

pytestmark = pytest.mark.django_db

D = Decimal
UP_AND_DOWN = [100.0] * QUICK_WARMUP + [101.0, 102, 103, 104, 103, 102, 101, 100]


def decisions(bot: Bot) -> list[tuple[str, str]]:
    rows = DecisionRecord.objects.filter(bot=bot).order_by("candle_close_ms", "symbol__name")
    return list(rows.values_list("action", "reason"))


def fills(bot: Bot) -> list[tuple[int, str, Decimal, Decimal]]:
    """(bar, side, quantity, price) of each fill, oldest first."""
    return [
        ((clock.to_ms(fill.at) - MIDNIGHT_MS) // BAR_MS, fill.side, fill.qty, fill.price)
        for fill in Fill.objects.filter(bot=bot).order_by("id")
    ]


def test_a_decision_at_a_close_fills_at_the_next_open() -> None:
    bot = run(make_replay([100.0, 120, 110, 110]))

    assert fills(bot) == [(1, "BUY", D("100"), D("100"))]
    assert decisions(bot)[0] == ("ENTER", "signal_enter")


def test_every_closed_candle_has_one_decision_whether_or_not_it_trades() -> None:
    bot = run(make_replay(UP_AND_DOWN, strategy="sma_cross", params=QUICK))

    reasons = [reason for _, reason in decisions(bot)]
    assert len(reasons) == len(UP_AND_DOWN)
    assert reasons[: QUICK_WARMUP - 1] == ["warmup"] * (QUICK_WARMUP - 1)
    assert reasons[QUICK_WARMUP - 1 :] == [
        *["flat_no_signal"] * 2,
        "signal_enter",
        *["already_long"] * 3,
        "signal_exit",
        *["flat_no_signal"] * 2,
    ]


def test_an_exit_sells_all_and_closes_the_round_trip() -> None:
    bot = run(make_replay(UP_AND_DOWN, strategy="sma_cross", params=QUICK))

    trade = Trade.objects.get(bot=bot)
    position = Position.objects.get(bot=bot)
    assert trade.status == Trade.Status.CLOSED
    assert (position.qty, position.realized_pnl) == (0, trade.pnl)
    assert bot.cash == D(10_000) + position.realized_pnl


def test_a_finished_replay_is_finished_with_its_job_and_left_alone() -> None:
    bot = run(make_replay([100.0, 101, 102]))

    assert bot.status == Bot.Status.FINISHED
    assert bot.jobs.get().progress == 100
    assert not services.run_bot(bot_id=bot.pk, now=NOW)
    assert len(decisions(bot)) == 3


def test_an_order_of_the_last_candle_does_not_wait_for_ever() -> None:
    bot = run(make_replay([100.0]))

    order = Order.objects.get(bot=bot)
    assert order.status == OrderStatus.CANCELED
    assert not Fill.objects.exists()


@pytest.mark.parametrize("skip", [(3, 4), (1,), (5, 6, 7, 8)])
def test_a_hole_in_the_candles_is_jumped_over(skip: tuple[int, ...]) -> None:
    bot = run(make_replay(rows=bars([100.0] * 12, skip=skip)))

    assert len(decisions(bot)) == 12 - len(skip)
    first_after = 1 if 1 not in skip else 2
    assert fills(bot)[0][0] == first_after


def test_a_hole_longer_than_a_chunk_is_jumped_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tape, "CHUNK", 2)

    bot = run(make_replay(rows=bars([100.0] * 20, skip=range(3, 15))))

    assert len(decisions(bot)) == 8


def test_a_symbol_whose_candles_begin_later_joins_when_they_do() -> None:
    one, other = make_symbol("BTC/USDT"), make_symbol("ETH/USDT")
    make_candles(other, bars([100.0] * 10, skip=range(6)))
    end = make_candles(one, bars([100.0] * 10))
    bot = make_bot(one, other, replay=services.Replay(MIDNIGHT_MS, end))
    services.start_bot(bot_id=bot.pk, by=None, now=NOW)

    run(bot)

    assert [DecisionRecord.objects.filter(symbol=symbol).count() for symbol in (one, other)] == [
        10,
        4,
    ]


@pytest.mark.parametrize("offset", [0, 1, 150_000, 299_999])
def test_a_range_off_the_grid_loses_no_candle_inside_it(
    offset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_tape, "CHUNK", 2)
    symbol = make_symbol()
    end = make_candles(symbol, bars([100.0] * 9))
    bot = make_bot(symbol, replay=services.Replay(MIDNIGHT_MS - offset, end + offset))
    services.start_bot(bot_id=bot.pk, by=None, now=NOW)

    assert len(decisions(run(bot))) == 9


def test_a_watched_replay_decides_each_candle_when_its_time_has_come() -> None:
    bot = make_replay([100.0] * 6, speed=60)

    seen = []
    for second in range(0, 32):
        services.run_bot(bot_id=bot.pk, now=NOW + timedelta(seconds=second), quote_for=no_quotes)
        seen.append(len(decisions(bot)))

    assert seen == [second // 5 for second in range(0, 31)] + [6]
    bot.refresh_from_db()
    assert bot.status == Bot.Status.FINISHED


def test_a_watched_replay_goes_on_where_it_was_stopped() -> None:
    bot = make_replay([100.0] * 100, speed=60)
    services.run_bot(bot_id=bot.pk, now=NOW + timedelta(seconds=50), quote_for=no_quotes)
    services.stop_bot(bot_id=bot.pk, by=None, now=NOW + timedelta(seconds=50))
    much_later = NOW + timedelta(hours=1)
    services.start_bot(bot_id=bot.pk, by=None, now=much_later)

    services.run_bot(bot_id=bot.pk, now=much_later + timedelta(seconds=10), quote_for=no_quotes)

    assert len(decisions(bot)) == 12


@pytest.mark.parametrize(("chunk", "commit"), [(1, 1), (2, 3), (7, 5), (4000, 250)])
def test_neither_chunks_nor_commits_nor_slices_change_what_happens(
    chunk: int, commit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(make_replay(UP_AND_DOWN * 2, strategy="sma_cross", params=QUICK))
    monkeypatch.setattr(_tape, "CHUNK", chunk)
    monkeypatch.setattr(_replay, "COMMIT_EVERY", commit)

    bot = make_replay(UP_AND_DOWN * 2, strategy="sma_cross", params=QUICK)
    run(bot, budget_s=0)

    assert (decisions(bot), fills(bot)) == (decisions(expected), fills(expected))
    assert _curve(bot) == _curve(expected)


def _curve(bot: Bot) -> list[Any]:
    rows = PortfolioSnapshot.objects.filter(bot=bot).order_by("at")
    return list(rows.values_list("at", "equity", "cash", "drawdown"))


def test_a_partial_fill_waits_for_the_volume_of_later_bars() -> None:
    bot = run(make_replay(rows=bars([100.0] * 6, volume=40)))

    assert [(bar, qty) for bar, _, qty, _ in fills(bot)] == [(1, D(40)), (2, D(40)), (3, D(20))]
    assert Order.objects.get(bot=bot).status == OrderStatus.FILLED


def test_a_volume_cap_is_a_share_of_each_bar() -> None:
    bot = run(make_replay(rows=bars([100.0] * 4, volume=40), knobs={"volume_cap": "0.25"}))

    assert [qty for _, _, qty, _ in fills(bot)] == [D(10)] * 3


def test_a_gap_up_buys_less_rather_than_on_credit() -> None:
    bot = run(make_replay(rows=bars([100.0, 150.0, 150.0, 150.0], open={1: 150.0})))

    assert fills(bot) == [(1, "BUY", D("66.666"), D("150"))]
    assert 0 <= bot.cash < D("0.150")
    assert Order.objects.get(bot=bot).status == OrderStatus.CANCELED


def test_a_bot_of_two_symbols_splits_its_cash() -> None:
    one, other = make_symbol("BTC/USDT"), make_symbol("ETH/USDT")
    make_candles(one, bars([100.0] * 4))
    end = make_candles(other, bars([50.0] * 4))
    bot = make_bot(one, other, replay=services.Replay(MIDNIGHT_MS, end))
    services.start_bot(bot_id=bot.pk, by=None, now=NOW)

    run(bot)

    bought = list(Fill.objects.order_by("id").values_list("symbol__name", "qty"))
    assert bought == [("BTC/USDT", D(50)), ("ETH/USDT", D(100))]
    assert bot.cash >= 0


def test_equity_of_a_symbol_in_a_hole_is_counted_at_its_last_close(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_replay, "SNAPSHOT_MS", BAR_MS)
    one, other = make_symbol("BTC/USDT"), make_symbol("ETH/USDT")
    make_candles(one, bars([100.0, 100, 200, 200, 200, 200], skip=(4,)))
    end = make_candles(other, bars([100.0] * 6))
    bot = make_bot(one, other, replay=services.Replay(MIDNIGHT_MS, end))
    services.start_bot(bot_id=bot.pk, by=None, now=NOW)

    run(bot, budget_s=0)

    in_the_hole = PortfolioSnapshot.objects.get(at=clock.from_ms(MIDNIGHT_MS + 5 * BAR_MS))
    assert in_the_hole.equity == D(15_000)


def test_two_orders_of_one_bar_share_the_cash_that_is_left() -> None:
    bot = make_replay(rows=bars([100.0] * 6))
    for qty in ("100", "100"):
        make_order(bot, status=OrderStatus.OPEN, qty=qty)

    run(bot)

    assert bot.cash >= 0


def test_more_on_sale_than_is_held_sells_what_is_held() -> None:
    bot = make_replay(rows=bars([100.0] * 6, volume=1))
    for _ in range(2):
        make_order(bot, status=OrderStatus.OPEN, side="SELL", qty="100")

    run(bot)

    assert bot.last_error == ""
    assert Position.objects.get(bot=bot).qty >= 0


def test_the_cursor_never_passes_a_candle_without_its_decision() -> None:
    bot = run(make_replay([100.0] * 10))

    cursor = BotSymbol.objects.get(bot=bot).decided_ms
    last = store.latest_open_ms(bot.symbols.get().pk, "5m")
    assert cursor == (last or 0) + BAR_MS
