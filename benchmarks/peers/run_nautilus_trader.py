"""nautilus_trader: bars on a simulated spot exchange with a cash account.

Its market orders fill at the price that is there when they come, the close of the bar; the
next bar opens at that very price in this market.
"""

from __future__ import annotations

from decimal import Decimal

import timed
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.indicators import ExponentialMovingAverage, SimpleMovingAverage
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

market = timed.market()
SIM = Venue("SIM")
ID = InstrumentId(Symbol("BTCUSDT"), SIM)
PAIR = CurrencyPair(
    instrument_id=ID,
    raw_symbol=Symbol("BTCUSDT"),
    base_currency=BTC,
    quote_currency=USDT,
    price_precision=2,
    size_precision=6,
    price_increment=Price(0.01, 2),
    size_increment=Quantity(0.000001, 6),
    maker_fee=Decimal("0.001"),
    taker_fee=Decimal("0.001"),
    ts_event=0,
    ts_init=0,
)
TYPE = BarType.from_str(f"{ID}-1-MINUTE-LAST-EXTERNAL")


class Cross(Strategy):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(StrategyConfig())
        self.fast = SimpleMovingAverage(timed.FAST)
        self.slow = ExponentialMovingAverage(timed.SLOW)
        self.seen = 0

    def on_start(self) -> None:
        self.register_indicator_for_bars(TYPE, self.fast)
        self.register_indicator_for_bars(TYPE, self.slow)
        self.subscribe_bars(TYPE)

    def on_bar(self, bar: object) -> None:
        self.seen += 1
        if self.seen < market.warmup:
            return
        held = self.portfolio.net_position(ID)
        if self.fast.value > self.slow.value:
            if not held:
                self._send(OrderSide.BUY, self._affordable(bar.close))  # type: ignore[attr-defined]
        elif held:
            self._send(OrderSide.SELL, held)

    def _affordable(self, price: object) -> Decimal:
        free = self.portfolio.account(SIM).balance_free(USDT).as_decimal()
        lots = free / price.as_decimal() / Decimal("1.001")  # type: ignore[attr-defined]
        return Decimal(int(lots * 10**6)).scaleb(-6)

    def _send(self, side: OrderSide, qty: Decimal) -> None:
        self.submit_order(self.order_factory.market(ID, side, PAIR.make_qty(qty)))


def engine() -> BacktestEngine:
    """A fresh engine with the bars in it; not part of the time."""
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    made.add_venue(
        venue=SIM,
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=None,
        starting_balances=[Money(timed.CASH, USDT)],
    )
    made.add_instrument(PAIR)
    made.add_data(bars)
    made.add_strategy(Cross())
    return made


def run() -> tuple[int, float]:
    """Orders are filled inside the engine: two make a trade."""
    made = waiting.pop()
    made.run()
    account = made.cache.account_for_venue(SIM)
    coins = account.balance_total(BTC)
    cash = float(account.balance_total(USDT).as_decimal())
    held = float(coins.as_decimal()) if coins else 0.0
    trades = made.cache.orders_closed_count() // 2
    return trades, cash + held * float(market.close[-1])


frame = market.frame("open", "high", "low", "close", "volume")
frame["volume"] = 1e6  # its quantities have an upper end
frame.index = frame.index.tz_localize("UTC")
bars = BarDataWrangler(bar_type=TYPE, instrument=PAIR).process(frame)
waiting = [engine() for _ in range(market.asked.repeat)]
timed.report("nautilus_trader", market.asked, run, warm=False)
