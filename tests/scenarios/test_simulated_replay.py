"""A bot on stored candles and a simulation of the same stretch give the same fills."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config import clock
from marketdata import store
from marketdata.timeframes import Timeframe
from strategies import registry
from strategies import services as strategy_services
from tests.scenarios.replays import DATA, NOW, WILD, imported, run
from trading import services
from trading.knobs import Knobs
from trading.models import Bot, DecisionRecord, Fill
from trading.services._books import filters_of, limits_of, terms_of
from trading.simulation import Run, simulate

pytestmark = [pytest.mark.django_db, pytest.mark.storeless]  # slow; test_replay has the store

ETHER = DATA / "ETH_USDT-5m-20240228-20240306.csv.gz"
GUARDED = {"stop_loss": 0.01, "take_profit": 0.02, "trailing": 0.015}
THIN = {"volume_cap": "0.002"}  # so little that orders take several bars
CASES: list[tuple[str, list[Path], dict[str, Any], dict[str, Any]]] = [
    ("trend_ema_fast", [WILD], {}, {}),
    ("trend_ema_fast", [ETHER], GUARDED, {}),
    ("sma_cross", [WILD], GUARDED, THIN),
    ("sma_cross", [ETHER], {}, {}),
    ("rsi_reversion", [WILD], {"stop_loss": 0.005}, THIN),
    ("rsi_reversion", [ETHER], GUARDED, {}),
    ("trend_ema_fast", [WILD, ETHER], GUARDED, THIN),
    ("rsi_reversion", [ETHER, WILD], {}, {"position_mode": "rebalance", "cooldown_candles": 3}),
]


def replayed(
    strategy: str, paths: list[Path], params: dict[str, Any], knobs: dict[str, Any]
) -> Bot:
    services.ensure_system_state(now=NOW)
    strategy_services.sync_strategies(now=NOW)
    stored = [imported(path) for path in paths]
    version = strategy_services.create_version(
        strategy_name=strategy, params=params, by=None, now=NOW
    )
    bot = services.create_bot(
        name="Replay",
        symbols=[symbol for symbol, _, _ in stored],
        timeframe=stored[0][1],
        version=version,
        by=None,
        now=NOW,
        knobs=knobs,
        replay=stored[0][2],
    )
    services.start_bot(bot_id=bot.pk, by=None, now=NOW)
    return run(bot)


def simulated(bot: Bot) -> Run:
    symbols = list(bot.symbols.order_by("botsymbol__rank"))
    knobs = Knobs.model_validate(bot.knobs)
    return simulate(
        {symbol.name: store.load_bars(symbol.pk, bot.timeframe) for symbol in symbols},
        registry.get(bot.version.strategy.name),
        bot.version.params,
        timeframe=bot.timeframe,
        filters={symbol.name: filters_of(symbol) for symbol in symbols},
        terms=terms_of(knobs),
        limits=limits_of(knobs),
        position_mode=knobs.position_mode,
        cash=bot.starting_cash,
        from_ms=bot.replay_from_ms,
        to_ms=bot.replay_to_ms,
    )


@pytest.mark.parametrize(("strategy", "paths", "params", "knobs"), CASES)
def test_a_simulation_fills_like_the_paper_bot_to_the_last_digit(
    strategy: str, paths: list[Path], params: dict[str, Any], knobs: dict[str, Any]
) -> None:
    bot = replayed(strategy, paths, params, knobs)
    result = simulated(bot)

    paper = [
        (
            clock.to_ms(f.at),
            f.symbol.name,
            str(f.side),
            f.qty,
            f.price,
            f.fee,
            f.order.intent.reason,
        )
        for f in Fill.objects.filter(bot=bot)
        .select_related("symbol", "order__intent")
        .order_by("id")
    ]
    assert len(paper) >= 4
    assert [
        (f.at_ms, f.symbol, f.side, f.qty, f.price, f.fee, f.reason) for f in result.fill_rows()
    ] == paper
    assert result.final_cash == bot.cash
    if knobs is THIN:
        assert result.counts.partial


def test_a_simulation_wants_what_the_stored_decisions_say() -> None:
    bot = replayed("sma_cross", [WILD], {}, {})
    result = simulated(bot)

    acted = DecisionRecord.objects.filter(bot=bot, action__in=["ENTER", "EXIT"])
    decided = list(acted.order_by("candle_close_ms").values_list("candle_close_ms", "action"))
    # A market order fills at the open that follows its candle's close.
    wanted = [(f.at_ms, "ENTER" if f.side == "BUY" else "EXIT") for f in result.fill_rows()]
    assert wanted == decided
    assert result.counts.decisions == DecisionRecord.objects.filter(bot=bot).count()


def test_cutting_off_the_future_changes_no_earlier_fill() -> None:
    bot = replayed("trend_ema_fast", [WILD], GUARDED, {})
    whole = simulated(bot).fill_rows()

    bot.replay_to_ms = int(bot.replay_to_ms or 0) - 700 * Timeframe(bot.timeframe).ms
    cut = simulated(bot).fill_rows()

    assert 0 < len(cut) < len(whole)
    assert whole[: len(cut)] == cut
    assert simulated(bot).fill_rows() == cut
