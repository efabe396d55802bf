"""Reads of the books: positions, portfolio, curve, cards and readiness."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from config import clock
from marketdata.models import Circuit, Ticker
from tests.trading.factories import (
    BAR_MS,
    MIDNIGHT_MS,
    NOW,
    bars,
    later,
    make_bot,
    make_candles,
    make_order,
    make_position,
    make_replay,
    make_symbol,
    make_user,
    run,
)
from trading import queries, services
from trading.models import Bot, Heartbeat, PortfolioSnapshot, SystemState
from trading.models.bots import BotSymbol
from trading.order_state import OrderStatus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_bus")]

D = Decimal


def snapshot(bot: Bot, equity: str, *, at_s: float = 0, cash: str = "0") -> None:
    PortfolioSnapshot.objects.create(
        bot=bot,
        equity=D(equity),
        cash=D(cash),
        positions_value=D(equity) - D(cash),
        drawdown=0.0,
        prices={"BTC/USDT": 1.0},
        at=later(at_s),
    )


# Positions


def test_a_position_is_marked_at_the_newest_price() -> None:
    bot = make_bot()
    make_position(bot, "2", "100")
    Ticker.objects.create(symbol=bot.symbols.get(), last=110.0, at=clock.now())

    (view,) = queries.positions_now(bot.pk)

    assert (view.qty, view.last_price) == (D(2), D(110))
    assert (view.market_value, view.unrealized_pnl) == (D(220), D(20))
    assert view.price_age_s is not None
    assert view.price_age_s < 60


def test_a_position_without_a_price_has_no_value_rather_than_nothing() -> None:
    make_position(make_bot(), "2", "100")

    (view,) = queries.positions_now()

    assert (view.last_price, view.market_value, view.unrealized_pnl) == (None, None, None)


def test_a_replays_position_is_marked_at_the_candle_it_has_reached() -> None:
    bot = make_replay([100.0, 100, 120, 150, 150, 150])
    services.run_bot(bot_id=bot.pk, now=NOW, budget_s=60)
    BotSymbol.objects.filter(bot=bot).update(decided_ms=MIDNIGHT_MS + 3 * BAR_MS)

    (view,) = queries.positions_now(bot.pk)

    assert view.last_price == 120


def test_what_a_replay_sold_and_trades_no_more_does_not_break_the_list() -> None:
    one, other = make_symbol("BTC/USDT"), make_symbol("ETH/USDT")
    bot = make_bot(one, other, replay=services.Replay(MIDNIGHT_MS, MIDNIGHT_MS + BAR_MS))
    make_position(bot, "1", "100", symbol=one)
    BotSymbol.objects.filter(symbol=one).delete()

    assert [view.last_price for view in queries.positions_now(bot.pk)] == [None]


def test_open_positions_come_first() -> None:
    sold, held = make_bot(), make_bot()
    make_position(sold, "1", "100")
    sold.positions.update(qty=D(0))
    make_position(held, "1", "100")

    assert [view.bot_id for view in queries.positions_now()] == [held.pk, sold.pk]


# Portfolio and curve


def test_before_the_first_snapshot_the_portfolio_is_unknown() -> None:
    bot = make_bot()

    view = queries.portfolio_now(bot.pk)

    assert (view.equity, view.pnl, view.drawdown, view.at, view.bots) == (None, None, None, None, 0)
    assert queries.equity_curve(bot.pk) == []
    assert queries.bot_card(bot.pk) is not None
    assert queries.bot_card(99) is None


def test_the_portfolio_adds_the_newest_of_each_live_bot_and_no_replay() -> None:
    one, other = make_bot(cash="1000"), make_bot(cash="1000")
    snapshot(one, "1100", at_s=1)
    snapshot(one, "1200", at_s=5, cash="200")
    snapshot(other, "900", at_s=3, cash="100")
    snapshot(run(make_replay([100.0] * 3)), "99999", at_s=9)

    view = queries.portfolio_now()

    assert (view.equity, view.cash, view.pnl, view.bots) == (D(2100), D(300), D(100), 2)
    assert view.at == later(5)


def test_the_curve_of_all_counts_a_bot_as_cash_until_its_first_point() -> None:
    one, other = make_bot(cash="1000"), make_bot(cash="1000")
    snapshot(one, "1100", at_s=1)
    snapshot(other, "900", at_s=2)
    snapshot(one, "1500", at_s=3)

    curve = queries.equity_curve()

    assert [point.equity for point in curve] == [2100, 2000, 2400]
    assert curve[1].drawdown == pytest.approx(100 / 2100)


def test_a_part_of_the_curve_goes_on_from_what_was_before_it() -> None:
    one, other = make_bot(cash="1000"), make_bot(cash="1000")
    snapshot(one, "1500", at_s=1)
    snapshot(other, "900", at_s=2)

    curve = queries.equity_curve(from_ms=clock.to_ms(later(2)))

    assert [point.equity for point in curve] == [2400]


def test_performance_is_that_of_the_bots_own_trades() -> None:
    bot = run(make_replay([100.0, 100, 100, 90, 90], params={"stop_loss": 0.05}))
    make_position(make_bot(), "1", "100")

    measured = queries.performance(bot.pk)

    assert measured.trades == 1
    fees = next(one for one in measured.metrics if one.name == "fees")
    assert fees.value == 0


# Cards


def test_a_card_shows_the_last_decision_and_what_the_bot_is_worth() -> None:
    bot = run(make_replay([100.0, 100, 110, 110], cash="1000"))

    card = queries.bot_card(bot.pk)

    assert card
    assert card.last_decision
    assert card.last_decision.reason == "already_long"
    assert (card.open_positions, card.fills, card.pnl) == (1, 1, D(100))
    assert card.return_fraction == pytest.approx(0.1)


def test_cards_cost_the_same_number_of_queries_for_many_bots(
    django_assert_max_num_queries: object,
) -> None:
    for number in range(5):
        run(make_replay([100.0] * 3, name=f"Bot {number}"))

    with django_assert_max_num_queries(6):  # type: ignore[operator]
        assert len(queries.bot_cards()) == 5


# Readiness


def gates(now_s: float = 0) -> dict[str, list[str]]:
    return {gate.name: gate.reasons for gate in queries.readiness(later(now_s)) if not gate.ok}


def test_a_system_that_has_all_is_ready() -> None:
    services.ensure_system_state(now=NOW)
    for process in ("beat", "feed"):
        services.beat_heart(process=process, now=NOW)

    assert gates() == {}


def test_each_gate_says_what_is_missing() -> None:
    symbol = make_symbol(exchange="simulated")
    make_bot(symbol, strategy="sma_cross")
    symbol.watched = True
    symbol.save()
    Circuit.objects.create(
        exchange="bybit", state=Circuit.State.OPEN, last_error="503", changed_at=NOW
    )
    make_order(make_bot(), status=OrderStatus.UNKNOWN)
    services.stop_scheduler(by=make_user(), now=NOW)
    services.emergency_stop(reason="fire", by=None, now=NOW)

    closed = gates()

    assert set(closed) == {
        "system_running",
        "no_halt",
        "scheduler_on",
        "data_warm",
        "feed_fresh",
        "exchanges_reachable",
        "no_unresolved_orders",
        "processes_alive",
    }
    assert closed["system_running"] == ["EMERGENCY_STOP: fire"]
    assert "no quote yet" in closed["feed_fresh"][0]
    assert "503" in closed["exchanges_reachable"][0]


def test_a_process_that_fell_silent_is_named() -> None:
    services.ensure_system_state(now=NOW)
    Heartbeat.objects.create(process="beat", at=NOW)
    Heartbeat.objects.create(process="feed", at=NOW + timedelta(seconds=14))

    (reason,) = gates(16)["processes_alive"]

    assert reason.startswith("beat: no sign of life since")


def test_a_quote_grows_stale() -> None:
    symbol = make_symbol(exchange="simulated")
    symbol.watched = True
    symbol.save()
    Ticker.objects.create(symbol=symbol, last=1.0, at=NOW)

    (fresh,), (stale,) = queries.feed_status(later(14)), queries.feed_status(later(16))

    assert (fresh.stale, fresh.age_s) == (False, 14)
    assert stale.stale


def test_before_the_first_start_the_system_runs_and_is_not_stored() -> None:
    assert queries.system_state().state == SystemState.State.RUNNING
    assert not SystemState.objects.exists()


def test_warm_candles_open_the_gate_of_a_live_bot() -> None:
    symbol = make_symbol()
    make_candles(symbol, bars([100.0], start_ms=clock.to_ms(NOW) - BAR_MS))
    make_bot(symbol)

    assert "data_warm" not in gates()
