"""A simulation said again in the plainest way: exact decimals and the rules of the paper broker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from strategies.protocol import Exits
from trading import costs, risk, sizing
from trading.decisions import Wanted, decide
from trading.exits import ExitHit, check_exits
from trading.paper_market import Execution, Market, Resting, execute
from trading.positions import Filled, Holding, apply_fill
from trading.reasons import Reason
from trading.risk import Account
from trading.simulation import FillRow, Lane, Rules

ZERO = Decimal(0)
DAY_MS = 86_400_000


@dataclass
class Order:
    buy: bool
    kind: str
    left: Decimal
    price: Decimal | None
    reason: Reason
    rested: bool = False


@dataclass
class State:
    """One lane of the reference."""

    lane: Lane
    row: int
    holding: Holding = field(default_factory=Holding)
    high: Decimal = ZERO
    last: Decimal = ZERO
    closed_ms: int = 0
    exited_ms: int = 0
    order: Order | None = None

    @property
    def value(self) -> Decimal:
        return self.holding.qty * self.last


class Reference:
    """Walks all lanes; `fills` and `denied` are what came of it."""

    def __init__(self, lanes: Sequence[Lane], rules: Rules) -> None:
        self.rules = rules
        self.states = [State(lane, lane.start) for lane in lanes]
        self.cash = self.peak = self.day_start = rules.cash
        self.day = 0
        self.fills: list[FillRow] = []
        self.equities: list[Decimal] = []
        self.denied: dict[str, int] = {}

    def run(self) -> Reference:
        while waiting := [s for s in self.states if s.row < len(s.lane.bars)]:
            opened = min(int(s.lane.bars.open_ms[s.row]) for s in waiting)
            here = [s for s in waiting if int(s.lane.bars.open_ms[s.row]) == opened]
            for state in here:
                self._meet(state)
            self._mark(opened + self.rules.timeframe_ms)
            for state in here:
                self._decide(state, opened + self.rules.timeframe_ms)
                state.row += 1
        return self

    @property
    def equity(self) -> Decimal:
        return self.cash + sum((state.value for state in self.states), ZERO)

    def _mark(self, close_ms: int) -> None:
        equity = self.equity
        self.equities.append(equity)
        self.peak = max(self.peak, equity)
        day = close_ms - close_ms % DAY_MS
        if day > self.day:
            self.day, self.day_start = day, equity

    def _meet(self, state: State) -> None:
        market = _market(state)
        if state.order or state.holding.qty:
            self._match(state, market)
            self._protect(state, market)
            state.high = max(state.high, market.high)
        state.last = market.close

    def _match(self, state: State, market: Market) -> None:
        order = state.order
        if order is None:
            return
        execution = execute(
            order=Resting(
                order.buy, order.kind, order.left, order.price, order.rested, order.rested
            ),
            market=market,
            terms=self.rules.terms,
            filters=state.lane.filters,
            buying_power=self.cash,
        )
        order.rested = True
        if execution is not None:
            self._fill(state, order, execution, market)
        elif order.buy:
            price = costs.assumed_price(
                market.open, self.rules.terms, state.lane.filters.price_tick
            )
            if not self._affordable(state, self.cash, price):
                self._deny("cash_insufficient")
                state.order = None

    def _affordable(self, state: State, cash: Decimal, price: Decimal) -> Decimal:
        return costs.affordable_qty(
            cash=cash,
            price=price,
            fee_bps=self.rules.terms.fee_taker_bps,
            step=state.lane.filters.qty_step,
        )

    def _fill(self, state: State, order: Order, execution: Execution, market: Market) -> None:
        fill = Filled(order.buy, execution.qty, execution.price, execution.fee)
        if not state.holding.qty:
            state.high = execution.price
        state.holding = apply_fill(state.holding, fill)
        self.cash += fill.cash_change
        if not state.holding.qty:
            state.closed_ms = market.at_ms
        self.fills.append(
            FillRow(
                market.at_ms,
                state.lane.symbol,
                "BUY" if order.buy else "SELL",
                execution.qty,
                execution.price,
                execution.fee,
                execution.maker,
                order.reason.value,
            )
        )
        order.left -= execution.qty
        if not order.left:
            state.order = None

    def _protect(self, state: State, market: Market) -> None:
        order = state.order
        exits: Exits = self.rules.exits
        selling = order is not None and not order.buy
        if not exits.declared or not state.holding.qty:
            return
        if order is not None and selling and order.kind != "LIMIT":
            return
        hit = check_exits(
            exits=exits,
            entry_price=state.holding.entry_price,
            high_since_entry=state.high,
            market=market,
        )
        if hit is None or (selling and not hit.stop):
            return
        state.order = None
        self._leave(state, hit, market)

    def _leave(self, state: State, hit: ExitHit, market: Market) -> None:
        filters, qty = state.lane.filters, state.holding.qty
        if risk.check_filters(qty=qty, price=state.last, filters=filters):
            return
        state.exited_ms = market.at_ms + self.rules.timeframe_ms
        tick = filters.price_tick
        price = costs.floor_to(hit.level, tick) if hit.stop else costs.ceil_to(hit.level, tick)
        price = max(price, tick)
        if qty * price < filters.min_notional:
            return
        kind = "STOP_MARKET" if hit.stop else "LIMIT"
        state.order = Order(False, kind, qty, price, hit.reason)
        self._match(state, market)

    def _decide(self, state: State, close_ms: int) -> None:
        target = float(state.lane.targets[state.row])
        if state.exited_ms == close_ms or state.row + 1 < state.lane.warmup:
            return
        if target <= 0 and state.order and (state.order.buy or state.order.kind == "LIMIT"):
            state.order = None
        wanted = decide(
            target=target,
            equity=self.equity if target > 0 else ZERO,
            lanes=len(self.states),
            held_value=state.value,
            pending=state.order is not None,
            mode="rebalance" if self.rules.rebalance else "long_flat",
        )
        if wanted.side == "BUY":
            self._buy(state, wanted, self._account(state, close_ms))
        elif wanted.side == "SELL":
            self._sell(state, wanted)

    def _buy(self, state: State, wanted: Wanted, account: Account) -> None:
        limits, filters = self.rules.limits, state.lane.filters
        paused = risk.check_entry_pause(account, limits)
        if paused:
            self._deny(paused.value)
            return
        sized = sizing.size_entry(
            wanted=wanted.value or ZERO,
            account=account,
            limits=limits,
            filters=filters,
            terms=self.rules.terms,
        )
        denial = risk.check_buy(qty=sized.qty, account=account, limits=limits, filters=filters)
        if denial in {risk.Denial.BELOW_MIN_QTY, risk.Denial.BELOW_MIN_NOTIONAL}:
            denial = sized.bound_by or denial
        if denial:
            self._deny(denial.value)
        else:
            state.order = Order(True, "MARKET", sized.qty, None, wanted.reason)

    def _sell(self, state: State, wanted: Wanted) -> None:
        qty, filters = state.holding.qty, state.lane.filters
        if wanted.value is not None:
            qty = costs.floor_to(min(qty, wanted.value / state.last), filters.qty_step)
        denial = risk.check_filters(qty=qty, price=state.last, filters=filters)
        if denial:
            self._deny(denial.value)
        else:
            state.order = Order(False, "MARKET", qty, None, wanted.reason)

    def _account(self, state: State, close_ms: int) -> Account:
        pending = {id(s): self._pending(s) for s in self.states}
        reserved = sum(pending.values(), ZERO)
        frame = self.rules.timeframe_ms
        since = None
        if state.closed_ms:
            since = max((close_ms - state.closed_ms // frame * frame) // frame - 1, 0)
        return Account(
            halted=False,
            symbol_trading=True,
            price=state.last,
            price_age_s=0,
            free_cash=self.cash - reserved,
            equity=self.equity,
            peak_equity=self.peak,
            day_start_equity=self.day_start,
            exposure=self.equity - self.cash + reserved,
            position_value=state.value + pending[id(state)],
            sellable_qty=state.holding.qty,
            unresolved_order=False,
            candles_since_exit=since,
        )

    def _pending(self, state: State) -> Decimal:
        if state.order is None or not state.order.buy:
            return ZERO
        terms = self.rules.terms
        price = costs.assumed_price(state.last, terms, state.lane.filters.price_tick)
        return state.order.left * price * (1 + terms.fee_taker_bps / 10_000)

    def _deny(self, denial: str) -> None:
        self.denied[denial] = self.denied.get(denial, 0) + 1


def _market(state: State) -> Market:
    bars, row = state.lane.bars, state.row
    prices = [Decimal(repr(float(column[row]))) for column in bars.columns()[1:]]
    return Market(int(bars.open_ms[row]), *prices)


def without_costs(rules: Rules) -> Rules:
    """The same rules where trading is free."""
    free = replace(
        rules.terms,
        fee_maker_bps=ZERO,
        fee_taker_bps=ZERO,
        half_spread_bps=ZERO,
        slippage_bps=ZERO,
    )
    return replace(rules, terms=free)
