"""What the page of a request for looser limits shows: whose they are, and what they would allow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache, partial
from typing import Any

from approvals.models import Approval, ApprovalKind
from trading import queries
from trading.models import Bot, ExchangeAccount, LiveGrant
from trading.queries import BotCard

OF_EQUITY = ("max_exposure", "max_position", "max_daily_loss", "max_drawdown")


@dataclass(frozen=True, slots=True)
class Allowed:
    """One limit in money: what it allows today and what it would, at the equity of now."""

    title: str
    before: Decimal
    after: Decimal


@dataclass(frozen=True, slots=True)
class Stake:
    """One bot that is concerned, with what it holds and by which grant."""

    card: BotCard
    grant: LiveGrant | None
    quote: str


@dataclass(frozen=True, slots=True)
class Limits:
    """A request for looser limits, for its page."""

    bot: Bot | None
    account: ExchangeAccount | None
    rows: list[dict[str, Any]]
    stakes: list[Stake]
    allowed: list[Allowed]

    @property
    def worth(self) -> Decimal | None:
        """Of all positions concerned; None while one of them is not known."""
        known = [stake.card.snapshot for stake in self.stakes]
        values = [each.positions_value for each in known if each is not None]
        return sum(values, Decimal(0)) if len(values) == len(known) else None

    @property
    def quote(self) -> str:
        return next((stake.quote for stake in self.stakes), "")


def limits_context(row: Approval, now: datetime) -> dict[str, Any]:
    """Nothing for other kinds."""
    wanted = row.kind == ApprovalKind.LIMITS
    return {"limits": cache(partial(limits_of, row, now)) if wanted else None}


def limits_of(row: Approval, now: datetime) -> Limits:
    """Today's positions beside the limits as they were asked for."""
    subject = row.subject
    account, bots = None, Bot.objects.filter(pk=subject.get("bot"))
    if "account" in subject:
        account = ExchangeAccount.objects.get(pk=subject["account"])
        bots = Bot.objects.filter(account=account, paper_mode=False)
    stakes = [_stake(bot, now) for bot in bots]
    return Limits(
        bot=None if account else stakes[0].card.bot,
        account=account,
        rows=sorted(subject["diff"], key=lambda each: not each["looser"]),
        stakes=stakes,
        allowed=[] if account else _allowed(subject["diff"], stakes),
    )


def _stake(bot: Bot, now: datetime) -> Stake:
    (card,) = queries.bot_cards(bot_id=bot.pk)
    first = next(iter(card.bot.symbols.all()), None)
    return Stake(card, queries.grant_of(bot, now), first.quote if first else "")


def _allowed(diff: Iterable[dict[str, Any]], stakes: list[Stake]) -> list[Allowed]:
    snapshot = stakes[0].card.snapshot
    if snapshot is None:
        return []
    return [
        Allowed(
            each["title"],
            Decimal(each["from"]) * snapshot.equity,
            Decimal(each["to"]) * snapshot.equity,
        )
        for each in diff
        if each["param"] in OF_EQUITY
    ]
