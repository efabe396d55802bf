"""A bot's state in memory while one worker holds its lease, and its group commit.

Decisions without an order are many and cheap: they are collected and written together with
the cursors. A crash loses none of them, because they are made again from the same candles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Q

from config import clock
from marketdata.models import Symbol
from strategies import queries as strategy_queries
from strategies import registry
from strategies.protocol import Exits, Params, Strategy
from trading import events
from trading.costs import BPS, ONE, Filters, Terms, assumed_price
from trading.errors import LeaseLost
from trading.knobs import Knobs
from trading.models import Bot, DecisionRecord, Order, PortfolioSnapshot, Position, SystemState
from trading.models.bots import BotSymbol
from trading.order_state import LIVE, UNRESOLVED
from trading.positions import Holding
from trading.risk import Denial, Limits
from trading.services._fills import holding_of

ZERO = Decimal(0)
LEASE = timedelta(seconds=30)
DAY_MS = 86_400_000


@dataclass(slots=True)
class Lane:
    """One symbol of a bot: its cursor, position and working orders."""

    row: BotSymbol
    symbol: Symbol
    filters: Filters
    holding: Holding = field(default_factory=Holding)
    high_since_entry: Decimal = ZERO
    opened_at: datetime | None = None
    closed_ms: int = 0
    last_price: Decimal = ZERO
    price_at_ms: int = 0
    orders: list[Order] = field(default_factory=list)
    exited_ms: int = 0  # close of the candle whose decision was a protective exit within it
    moved: bool = False
    leaving: bool = False  # in this cycle: its stop at the exchange makes way for a sale

    @property
    def unresolved(self) -> bool:
        """Of orders that trade; a stop at the exchange is settled before anything is sold."""
        return any(order.status in UNRESOLVED and not order.is_guard for order in self.orders)

    @property
    def guards(self) -> list[Order]:
        """Protective orders that may stand at the exchange; one, unless something went wrong."""
        return [order for order in self.orders if order.is_guard]

    @property
    def selling(self) -> Decimal:
        """What sales under way may still take; a protective order makes way for them."""
        sales = (order for order in self.orders if order.side == "SELL" and not order.is_guard)
        return sum((order.qty - order.filled_qty for order in sales), ZERO)

    @property
    def value(self) -> Decimal:
        """Of what is held, at the last price."""
        return self.holding.qty * self.last_price


@dataclass(slots=True)
class Books:
    """Everything a cycle reads and what it has still to write."""

    bot: Bot
    strategy: Strategy[Any]
    params: Params
    exits: Exits
    knobs: Knobs
    terms: Terms
    limits: Limits
    lanes: list[Lane]
    epoch: int  # of the system when this cycle began: what it decides is void after a stop
    decisions: list[DecisionRecord] = field(default_factory=list)
    snapshots: list[PortfolioSnapshot] = field(default_factory=list)

    @classmethod
    def open(cls, bot: Bot) -> Books:
        """Read a bot whose lease is held."""
        knobs = Knobs.model_validate(bot.knobs)
        strategy = registry.get(bot.version.strategy.name)
        params = strategy_queries.params_of(bot.version)
        rows = BotSymbol.objects.filter(bot=bot).select_related("symbol").order_by("rank")
        books = cls(
            bot=bot,
            strategy=strategy,
            params=params,
            exits=strategy.exits(params),
            knobs=knobs,
            terms=terms_of(knobs),
            limits=limits_of(knobs),
            lanes=[
                Lane(row=row, symbol=row.symbol, filters=filters_of(row.symbol)) for row in rows
            ],
            epoch=SystemState.objects.values_list("epoch", flat=True).get(pk=1),
        )
        books.reload()
        books.recall_exits()
        return books

    def reload(self) -> None:
        """Positions, cash and working orders as the database has them now."""
        self.bot.cash = Bot.objects.values_list("cash", flat=True).get(pk=self.bot.pk)
        positions = {row.symbol_id: row for row in Position.objects.filter(bot=self.bot)}
        orders = list(
            Order.objects.filter(bot=self.bot, status__in=LIVE)
            .select_related("intent__decision", "symbol", "bot", "account")
            .order_by("id")
        )
        for lane in self.lanes:
            position = positions.get(lane.symbol.pk)
            if position is not None:
                _take_over(lane, position)
            lane.orders = [order for order in orders if order.symbol_id == lane.symbol.pk]

    def recall_exits(self) -> None:
        """Decisions past the cursors: protective exits of candles that hadn't closed yet."""
        ahead = DecisionRecord.objects.filter(
            bot=self.bot, candle_close_ms__gt=min(lane.row.decided_ms for lane in self.lanes)
        )
        newest = dict(ahead.values_list("symbol").annotate(Max("candle_close_ms")))
        for lane in self.lanes:
            lane.exited_ms = newest.get(lane.symbol.pk, 0)

    @property
    def is_live(self) -> bool:
        """Whether its orders go to an exchange, which fills them; else the paper market does."""
        return not self.bot.paper_mode

    @property
    def equity(self) -> Decimal:
        """Cash plus positions at their last price."""
        values = (lane.value for lane in self.lanes)
        return sum(values, start=Decimal(self.bot.cash))

    @property
    def reserved(self) -> Decimal:
        """What working buys may still take from the cash."""
        return sum((self.pending_buys(lane) for lane in self.lanes), ZERO)

    def pending_buys(self, lane: Lane) -> Decimal:
        """Most that the working buys of a lane may still cost."""
        return sum(
            (
                (order.qty - order.filled_qty) * self.dearest(lane, order.price)
                for order in lane.orders
                if order.side == "BUY"
            ),
            ZERO,
        )

    def dearest(self, lane: Lane, limit: Decimal | None) -> Decimal:
        """Most that one unit costs with its fee: its limit, or what a taker is assumed to pay."""
        price = limit or assumed_price(lane.last_price, self.terms, lane.filters.price_tick)
        return price * (ONE + self.terms.fee_taker_bps / BPS)

    def taken_meanwhile(
        self, lane: Lane, side: str, qty: Decimal, price: Decimal | None
    ) -> Denial | None:
        """Whether a person's order took what this one needs, since the books were read.

        Call after `commit` in its transaction: that locks the bot, as orders of people do.
        """
        if self.bot.is_replay:
            return None  # it takes no orders of people
        before = self.bot.cash - self.reserved
        self.reload()
        if side == "SELL":
            return Denial.POSITION_INSUFFICIENT if qty > lane.holding.qty - lane.selling else None
        left = self.bot.cash - self.reserved
        short = left < before and qty * self.dearest(lane, price) > left
        return Denial.CASH_INSUFFICIENT if short else None

    def decide(self, lane: Lane, decision: DecisionRecord) -> None:
        """Collect a decision and move the lane's cursor past its candle."""
        self.decisions.append(decision)
        self.pass_by(lane, decision.candle_close_ms)

    def exit_within(self, lane: Lane, decision: DecisionRecord) -> None:
        """Collect a decision made before its candle closed: the cursor waits for the close.

        A restart lives through the candle again and finds the exit where it was.
        """
        self.decisions.append(decision)
        lane.exited_ms = decision.candle_close_ms

    def pass_by(self, lane: Lane, close_ms: int) -> None:
        """Move the lane's cursor past a candle."""
        lane.row.decided_ms = close_ms
        lane.moved = True

    def mark(self, *, at_ms: int) -> None:
        """Peak and the day's start at market time `at_ms`."""
        equity = self.equity
        self.bot.peak_equity = max(self.bot.peak_equity, equity)
        day = at_ms - at_ms % DAY_MS
        if day > self.bot.day_ms:
            self.bot.day_ms = day
            self.bot.day_start_equity = equity

    def snapshot(self, *, at_ms: int, every_ms: int) -> None:
        """Remember equity, and when the next snapshot is due."""
        equity, cash = self.equity, self.bot.cash
        peak = self.bot.peak_equity
        self.snapshots.append(
            PortfolioSnapshot(
                bot=self.bot,
                equity=equity,
                cash=cash,
                positions_value=equity - cash,
                drawdown=float((peak - equity) / peak) if peak > 0 else 0.0,
                prices={lane.symbol.name: float(lane.last_price) for lane in self.lanes},
                at=clock.from_ms(at_ms),
            )
        )
        self.bot.next_snapshot_ms = at_ms - at_ms % every_ms + every_ms

    def commit(self, *, now: datetime) -> None:
        """Write what was collected. Raises LeaseLost, writing nothing, if the lease is gone."""
        with transaction.atomic():
            self._guard(now)
            DecisionRecord.objects.bulk_create(self.decisions, ignore_conflicts=True)
            PortfolioSnapshot.objects.bulk_create(self.snapshots, ignore_conflicts=True)
            for lane in self.lanes:
                if lane.moved:
                    self._save_lane(lane)
            if self.snapshots:
                events.portfolio_snapshot(self.snapshots[-1])
        for lane in self.lanes:
            lane.moved = False
        self.decisions.clear()
        self.snapshots.clear()

    def _guard(self, now: datetime) -> None:
        held = Bot.objects.filter(pk=self.bot.pk, fence=self.bot.fence).update(
            peak_equity=self.bot.peak_equity,
            day_ms=self.bot.day_ms,
            day_start_equity=self.bot.day_start_equity,
            next_snapshot_ms=self.bot.next_snapshot_ms,
            lease_until=now + LEASE,
        )
        if not held:
            raise LeaseLost(f"bot {self.bot.pk} was taken over")

    def _save_lane(self, lane: Lane) -> None:
        BotSymbol.objects.filter(pk=lane.row.pk).update(decided_ms=lane.row.decided_ms)
        if lane.holding.qty:
            Position.objects.filter(bot=self.bot, symbol=lane.symbol).update(
                high_since_entry=lane.high_since_entry
            )


def claim_bot(*, bot_id: int, now: datetime) -> Bot | None:
    """Take the lease for this worker; None if another has it. Each claim raises the fence.

    A lease that ends later than any lease can was made before the clock was set back.
    """
    free = Q(lease_until=None) | Q(lease_until__lt=now) | Q(lease_until__gt=now + 2 * LEASE)
    claimed = Bot.objects.filter(free, pk=bot_id).update(
        lease_until=now + LEASE, fence=F("fence") + 1
    )
    if not claimed:
        return None
    return Bot.objects.select_related("version__strategy").get(pk=bot_id)


def release_bot(*, bot: Bot, due_at: datetime | None) -> None:
    """Give the lease back and say when to look again, unless it was taken over meanwhile."""
    mine = Bot.objects.filter(pk=bot.pk, fence=bot.fence)
    mine.update(lease_until=None)
    mine.running().update(due_at=due_at)


def _take_over(lane: Lane, position: Position) -> None:
    high = position.high_since_entry
    if position.opened_at is not None and position.opened_at == lane.opened_at:
        high = max(high, lane.high_since_entry)  # this cycle has seen more than is stored
    lane.holding = holding_of(position)
    lane.high_since_entry = high
    lane.opened_at = position.opened_at
    lane.closed_ms = position.closed_ms
    lane.last_price = lane.last_price or position.entry_price


def filters_of(symbol: Symbol) -> Filters:
    """The exchange's rules for a symbol."""
    return Filters(symbol.price_tick, symbol.qty_step, symbol.min_qty, symbol.min_notional)


def terms_of(knobs: Knobs) -> Terms:
    """What the paper market charges this bot."""
    return Terms(
        fee_maker_bps=knobs.fee_maker_bps,
        fee_taker_bps=knobs.fee_taker_bps,
        half_spread_bps=knobs.half_spread_bps,
        slippage_bps=knobs.slippage_bps,
        volume_cap=knobs.volume_cap,
    )


def limits_of(knobs: Knobs) -> Limits:
    """A bot's risk limits."""
    return Limits(
        max_exposure=knobs.max_exposure,
        max_position=knobs.max_position,
        max_daily_loss=knobs.max_daily_loss,
        max_drawdown=knobs.max_drawdown,
        max_price_age_s=knobs.max_price_age_s,
        cooldown_candles=knobs.cooldown_candles,
    )
