"""Fills into the books: order, position, round trip and cash in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from config import clock
from trading import events, order_state
from trading.models import Bot, Fill, Order, Position, Trade
from trading.positions import Filled, Holding, apply_fill
from trading.services._audit import record
from trading.services._orders import move

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class FillReport:
    """A fill as the broker tells it; `at` is market time."""

    exchange_fill_id: str
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    at: datetime


def apply_fills(*, order: Order, reports: Sequence[FillReport], now: datetime) -> list[Fill]:
    """Book each report once; a replayed one changes nothing. Returns what was new.

    Quantities are sums over fill rows, never counters, so any order of arrival adds up.
    """
    with transaction.atomic():
        bot = Bot.objects.select_for_update(no_key=True).get(pk=order.bot_id)
        # Locked: a cancel that comes at the same time waits, and then finds the fill.
        order.refresh_from_db(from_queryset=Order.objects.select_for_update(no_key=True))
        fresh = [fill for report in reports if (fill := _book(order, bot, report, now)) is not None]
        if fresh:
            bot.save(update_fields=["cash"])
            _sum_up(order, fresh, now)
    return fresh


def holding_of(position: Position) -> Holding:
    """The row as the value that the rules fold."""
    return Holding(
        qty=position.qty,
        avg_cost=position.avg_cost,
        entry_price=position.entry_price,
        realized_pnl=position.realized_pnl,
        fees=position.fees,
    )


def _book(order: Order, bot: Bot, report: FillReport, now: datetime) -> Fill | None:
    known = Fill.objects.filter(order=order, exchange_fill_id=report.exchange_fill_id)
    if known.exists():
        return None
    filled = _filled(order, report)
    position = _position(order, now)
    trade = _trade(order, filled, report)
    fill = Fill.objects.create(
        order=order,
        bot_id=order.bot_id,
        symbol_id=order.symbol_id,
        trade=trade,
        exchange_fill_id=report.exchange_fill_id,
        side=order.side,
        qty=report.qty,
        price=report.price,
        fee=report.fee,
        fee_asset=report.fee_asset,
        liquidity=Fill.Liquidity.MAKER if report.maker else Fill.Liquidity.TAKER,
        at=report.at,
    )
    bot.cash += filled.cash_change
    _update_position(position, apply_fill(holding_of(position), filled), order, report, now)
    _update_trade(trade, position, order, report)
    return fill


def _position(order: Order, now: datetime) -> Position:
    position, _ = Position.objects.get_or_create(
        bot_id=order.bot_id, symbol_id=order.symbol_id, defaults={"updated_at": now}
    )
    return position


def _update_position(
    position: Position, holding: Holding, order: Order, report: FillReport, now: datetime
) -> None:
    # Fees in the coin leave dust that nobody can sell: less than a lot is as good as flat.
    lot = order.symbol.qty_step
    if position.qty < lot:
        position.opened_at = report.at
        position.high_since_entry = report.price
    position.qty = holding.qty
    position.avg_cost = holding.avg_cost
    position.entry_price = holding.entry_price
    position.realized_pnl = holding.realized_pnl
    position.fees = holding.fees
    position.updated_at = now
    if holding.qty < lot and order.side == "SELL":
        position.opened_at = None
        position.high_since_entry = ZERO
        position.closed_ms = clock.to_ms(report.at)
    position.save()


def _trade(order: Order, filled: Filled, report: FillReport) -> Trade:
    """The open round trip of this bot and symbol; a buy from flat begins one."""
    trade, _ = Trade.objects.get_or_create(
        bot_id=order.bot_id,
        symbol_id=order.symbol_id,
        status=Trade.Status.OPEN,
        defaults={"entry_reason": order.intent.reason, "opened_at": report.at},
    )
    fee = filled.fee * filled.price if filled.fee_in_base else filled.fee
    trade.fees += fee
    if filled.buy:
        cost = trade.qty * trade.entry_price + filled.qty * filled.price
        trade.qty += filled.qty
        trade.entry_price = cost / trade.qty
    else:
        gained = trade.sold_qty * (trade.exit_price or ZERO) + filled.qty * filled.price
        trade.sold_qty += filled.qty
        trade.exit_price = gained / trade.sold_qty
        trade.exit_reason = order.intent.reason
    trade.save()
    return trade


def _update_trade(trade: Trade, position: Position, order: Order, report: FillReport) -> None:
    """Flat, or left with less than one lot: the round trip is over."""
    if position.qty >= order.symbol.qty_step:
        return
    trade.status = Trade.Status.CLOSED
    trade.closed_at = report.at
    trade.pnl = sum(
        (_filled(fill.order, fill).cash_change for fill in trade.fills.select_related("order")),
        ZERO,
    )
    trade.save(update_fields=["status", "closed_at", "pnl"])


def _filled(order: Order, report: FillReport | Fill) -> Filled:
    """As positions see it: a fee in a third asset is paid by that asset, not by this position."""
    own = report.fee_asset in (order.symbol.base, order.symbol.quote)
    return Filled(
        buy=order.side == "BUY",
        qty=report.qty,
        price=report.price,
        fee=report.fee if own else ZERO,
        fee_in_base=report.fee_asset == order.symbol.base,
    )


def _sum_up(order: Order, fresh: Sequence[Fill], now: datetime) -> None:
    fills = list(order.fills.values_list("qty", "price"))
    filled = sum((qty for qty, _ in fills), ZERO)
    average = sum((qty * price for qty, price in fills), ZERO) / filled
    status = order_state.after_fill(filled=filled, qty=order.qty)
    move(order, status, cause="filled", now=now, filled_qty=filled, avg_price=average)
    for fill in fresh:
        record(
            action="order.filled",
            subject=f"order:{order.pk}",
            by=None,
            now=now,
            after={
                "fill": fill.exchange_fill_id,
                "qty": f"{fill.qty:f}",
                "price": f"{fill.price:f}",
                "fee": f"{fill.fee:f}",
                "at": fill.at.isoformat(),
            },
        )
    events.order_changed(order, now=now)
