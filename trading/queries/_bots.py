"""Bots as lists show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, OuterRef, QuerySet, Subquery

from trading.models import Bot, DecisionRecord, PortfolioSnapshot, Position
from trading.queries._equity import since_funded


@dataclass(frozen=True, slots=True)
class BotCard:
    """A bot as lists show it."""

    bot: Bot
    last_decision: DecisionRecord | None
    snapshot: PortfolioSnapshot | None
    open_positions: int
    fills: int
    pnl: Decimal | None  # equity less starting cash; None before the first snapshot
    return_fraction: float | None


def bots_for_list() -> QuerySet[Bot]:
    """All bots with what lists show."""
    return Bot.objects.select_related("version__strategy").prefetch_related("symbols")


def bot_cards(*, bot_id: int | None = None) -> list[BotCard]:
    """One card per bot, in a handful of queries however many bots there are."""
    decided = DecisionRecord.objects.filter(bot=OuterRef("pk")).order_by("-candle_close_ms", "-id")
    measured = PortfolioSnapshot.objects.filter(since_funded("at"), bot=OuterRef("pk"))
    bots = bots_for_list().annotate(
        fill_count=Count("fills", distinct=True),
        newest_decision=Subquery(decided.values("pk")[:1]),
        newest_snapshot=Subquery(measured.order_by("-at").values("pk")[:1]),
    )
    # A grouped query drops the model's own ordering.
    rows = list((bots if bot_id is None else bots.filter(pk=bot_id)).order_by("pk"))
    decisions = DecisionRecord.objects.select_related("symbol", "version").in_bulk(
        [row.newest_decision for row in rows if row.newest_decision]
    )
    snapshots = PortfolioSnapshot.objects.in_bulk(
        [row.newest_snapshot for row in rows if row.newest_snapshot]
    )
    held = _held_counts(rows)
    return [
        _card(row, decisions.get(row.newest_decision), snapshots.get(row.newest_snapshot), held)
        for row in rows
    ]


def bot_card(bot_id: int) -> BotCard | None:
    """The card of one bot, None if there is no such bot."""
    return next(iter(bot_cards(bot_id=bot_id)), None)


def _held_counts(bots: Iterable[Bot]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for bot_id, qty in Position.objects.filter(bot__in=bots).values_list("bot_id", "qty"):
        counts[bot_id] = counts.get(bot_id, 0) + (1 if qty else 0)
    return counts


def _card(
    bot: Bot,
    decision: DecisionRecord | None,
    snapshot: PortfolioSnapshot | None,
    held: dict[int, int],
) -> BotCard:
    pnl = snapshot.equity - bot.starting_cash if snapshot else None
    return BotCard(
        bot=bot,
        last_decision=decision,
        snapshot=snapshot,
        open_positions=held.get(bot.pk, 0),
        fills=getattr(bot, "fill_count", 0),
        pnl=pnl,
        return_fraction=None if pnl is None else float(pnl / bot.starting_cash),
    )
