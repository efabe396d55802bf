"""Portfolio, curve, performance and positions over HTTP."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from config import clock
from tests.api.factories import Api, make_bot, make_quote, make_symbol
from trading.models import Bot, PortfolioSnapshot, Position


def make_snapshot(bot: Bot, *, minutes_ago: int = 0, equity: str = "10100.50") -> PortfolioSnapshot:
    return PortfolioSnapshot.objects.create(
        bot=bot,
        equity=Decimal(equity),
        cash=Decimal(100),
        positions_value=Decimal(equity) - 100,
        drawdown=0.0,
        prices={"BTC/USDT": 50_000.0},
        at=clock.now() - timedelta(minutes=minutes_ago),
    )


def test_the_portfolio_is_the_newest_snapshot(viewer: Api) -> None:
    bot = make_bot()
    make_snapshot(bot, minutes_ago=5, equity="9000")
    make_snapshot(bot)

    every, one = viewer.get("portfolio").json(), viewer.get(f"portfolio/{bot.pk}").json()

    assert (one["bot_id"], every["bot_id"]) == (bot.pk, None)
    assert one["equity"] == every["equity"] == "10100.5"
    assert (one["cash"], one["pnl"], one["bots"]) == ("100", "100.5", 1)
    assert one["prices"] == {"BTC/USDT": 50_000.0}


def test_before_the_first_snapshot_all_is_null(viewer: Api) -> None:
    body = viewer.get(f"portfolio/{make_bot().pk}").json()

    assert (body["equity"], body["timestamp"], body["bots"]) == (None, None, 0)


def test_an_unknown_bot_is_a_404_not_an_empty_portfolio(viewer: Api) -> None:
    for path in ("portfolio/99", "portfolio/history?bot=99", "metrics/performance?bot=99"):
        assert viewer.get(path).json()["code"] == "BOT_UNKNOWN"


def test_the_curve_is_floats_oldest_first_within_its_bounds(viewer: Api) -> None:
    bot = make_bot()
    for minutes_ago in (30, 20, 10):
        make_snapshot(bot, minutes_ago=minutes_ago, equity=str(10_000 + minutes_ago))
    since = clock.to_ms(clock.now() - timedelta(minutes=25))

    body = viewer.get("portfolio/history", bot=bot.pk, **{"from": since}).json()

    assert [point["equity"] for point in body["points"]] == [10_020.0, 10_010.0]
    assert viewer.get("portfolio/history", points=1).status_code == 400
    assert viewer.get("portfolio/history", bot="x").status_code == 400


def test_performance_gives_formula_sample_and_reason(viewer: Api) -> None:
    bot = make_bot()
    make_snapshot(bot, minutes_ago=5, equity="10000")
    make_snapshot(bot)

    body = viewer.get("metrics/performance", bot=bot.pk).json()

    metrics = {row["name"]: row for row in body["metrics"]}
    assert metrics["total_return"]["value"] is not None
    assert metrics["volatility"]["value"] is None
    assert metrics["volatility"]["reason"]
    assert metrics["total_return"]["formula"]


def test_positions_are_valued_at_the_last_price(viewer: Api) -> None:
    symbol = make_symbol()
    make_quote(symbol, 60_000.0)
    bot = make_bot()
    Position.objects.create(
        bot=bot, symbol=symbol, qty=Decimal("0.1"), avg_cost=Decimal(50_000), updated_at=clock.now()
    )

    (row,) = viewer.get("positions").json()

    assert (row["symbol"], row["qty"], row["avg_cost"]) == ("BTC/USDT", "0.1", "50000")
    assert (row["market_value"], row["unrealized_pnl"]) == ("6000", "1000")
    assert len(viewer.get("positions", bot=bot.pk).json()) == 1


def test_the_older_names_answer_the_same(viewer: Api) -> None:
    bot = make_bot()
    make_snapshot(bot)

    for old, new in (
        ("trading/position", "positions"),
        ("trading/orders", "orders"),
        ("trading/fills", "fills"),
        ("trading/metrics", "metrics/performance"),
        ("trading/equity/history", "portfolio/history"),
        ("portfolio", "portfolio"),
    ):
        assert viewer.client.get(f"/api/{old}").content == viewer.get(new).content
