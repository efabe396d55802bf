"""Run beside a console that has come to rest: its side of the evidence, as JSON.

python -m benchmarks.chaos.books
"""

# ruff: noqa: E402
from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import django

django.setup()

import orjson

from config import clock
from trading import services
from trading.models import (
    AuditEvent,
    Bot,
    ExchangeAccount,
    Fill,
    Incident,
    OpeningBalance,
    Order,
    Position,
    ReconcileRun,
)
from trading.services.reconciliation._reconcile import ledger_of

ACTIONS = (
    "order.claimed",
    "system.emergency_stopped",
    "system.resumed",
    "verdict.contradicted",
)


def main() -> None:
    account = ExchangeAccount.objects.get(name="chaos")
    verdict = services.verify_audit(now=clock.now())
    told = {
        "orders": [_order(order) for order in _orders(account)],
        "fills": [_fill(fill) for fill in Fill.objects.filter(order__account=account)],
        "positions": [
            {"bot": row.bot_id, "base": row.symbol.base, "qty": _text(row.qty)}
            for row in Position.objects.select_related("symbol")
        ],
        "cash": {str(bot.pk): _text(bot.cash - bot.starting_cash) for bot in Bot.objects.all()},
        "expected": _expected(account),
        "events": [_event(event) for event in AuditEvent.objects.filter(action__in=ACTIONS)],
        "incidents": [str(row) for row in Incident.objects.exclude(state="RESOLVED")],
        "audit": verdict.problems,
        "cycles": Counter(ReconcileRun.objects.values_list("outcome", flat=True)),
        "last_cycles": list(ReconcileRun.objects.values_list("outcome", flat=True)[:5]),
    }
    print(orjson.dumps(told).decode(), flush=True)


def _orders(account: ExchangeAccount) -> Any:
    return Order.objects.filter(account=account).select_related("symbol", "intent").order_by("pk")


def _order(order: Order) -> dict[str, Any]:
    return {
        "client_id": order.client_order_id,
        "bot": order.bot_id,
        "base": order.symbol.base,
        "quote": order.symbol.quote,
        "side": str(order.side),
        "qty": _text(order.qty),
        "filled": _text(order.filled_qty),
        "status": str(order.status),
        "by_bot": order.intent.reason != "manual",
        "sent": order.sent_at is not None,
    }


def _fill(fill: Fill) -> dict[str, Any]:
    return {
        "client_id": fill.order.client_order_id,
        "trade_id": fill.exchange_fill_id,
        "qty": _text(fill.qty),
        "price": _text(fill.price),
        "fee": _text(fill.fee),
        "fee_asset": fill.fee_asset,
    }


def _expected(account: ExchangeAccount) -> dict[str, str]:
    """Opening balances and everything booked since."""
    totals = dict(OpeningBalance.objects.filter(account=account).values_list("asset", "qty"))
    if totals:
        for asset, change in ledger_of(account):
            totals[asset] = totals.get(asset, Decimal(0)) + change
    return {asset: _text(qty) for asset, qty in totals.items()}


def _event(event: AuditEvent) -> dict[str, Any]:
    after = event.after or {}
    return {"seq": event.seq, "action": event.action, "client_id": after.get("client_order_id", "")}


def _text(value: Decimal) -> str:
    return f"{value:f}"


if __name__ == "__main__":
    main()
