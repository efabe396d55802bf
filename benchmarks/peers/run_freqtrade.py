"""freqtrade: its Backtesting in memory, with an exchange that knows one market and no network."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import timed
from freqtrade.configuration import Configuration, TimeRange
from freqtrade.enums import RunMode
from freqtrade.exchange.binance import Binance
from freqtrade.optimize.backtesting import Backtesting

market = timed.market()
PAIR = "BTC/USDT"
ROOT = tempfile.TemporaryDirectory()
ASKED: dict[str, Any] = {
    "strategy": "Cross",
    "strategy_path": str(Path(__file__).with_name("freqtrade_strategy")),
    "user_data_dir": ROOT.name,
    "stake_currency": "USDT",
    "stake_amount": "unlimited",
    "tradable_balance_ratio": 0.998,
    "max_open_trades": 1,
    "dry_run": True,
    "dry_run_wallet": timed.CASH,
    "fee": timed.FEE,
    "timeframe": "1m",
    "dataformat_ohlcv": "feather",
    "trading_mode": "spot",
    "exchange": {"name": "binance", "pair_whitelist": [PAIR], "pair_blacklist": []},
    "pairlists": [{"method": "StaticPairList"}],
    "entry_pricing": {"price_side": "same", "use_order_book": False},
    "exit_pricing": {"price_side": "same", "use_order_book": False},
    "export": "none",
    "verbosity": 0,
}
MARKET: dict[str, Any] = {
    "id": "BTCUSDT",
    "symbol": PAIR,
    "base": "BTC",
    "quote": "USDT",
    "active": True,
    "spot": True,
    "type": "spot",
    "margin": False,
    "swap": False,
    "future": False,
    "linear": None,
    "contractSize": None,
    "precision": {"price": 0.01, "amount": 0.000001},
    "limits": {
        "amount": {"min": 0.000001, "max": 1e9},
        "price": {"min": 0.01, "max": 1e9},
        "cost": {"min": 5.0, "max": None},
        "leverage": {"min": None, "max": None},
    },
    "taker": timed.FEE,
    "maker": timed.FEE,
    "info": {},
}


class Offline(Binance):  # type: ignore[misc]
    def reload_markets(self, *args: Any, **kwargs: Any) -> None:
        self._markets = {PAIR: MARKET}


def prepared() -> Backtesting:
    """An engine without a terminal."""
    written = Path(ROOT.name) / "config.json"
    written.write_text(json.dumps(ASKED))
    full = Configuration({"config": [str(written)]}, RunMode.BACKTEST).get_config()
    exchange = Offline(full, validate=False)
    exchange.reload_markets()
    engine = Backtesting(full, exchange)
    engine.progress = None
    return engine


def run() -> tuple[int, float]:
    """Signals and the loop; it closes what is open at the end."""
    strategy = engine.strategylist[0]
    strategy.warmup = market.warmup
    engine.backtest_one_strategy(strategy, {PAIR: frame.copy()}, TimeRange())
    result = engine.all_bt_content["Cross"]
    return len(result["results"]), float(result["final_balance"])


logging.disable(logging.CRITICAL)
engine = prepared()
frame = market.frame("open", "high", "low", "close", "volume")
frame.index = frame.index.tz_localize("UTC")
frame = frame.rename_axis("date").reset_index()
timed.report("freqtrade", market.asked, run, warm=False)
