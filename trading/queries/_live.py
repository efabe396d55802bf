"""Accounts, grants, and what keeps them from live trading."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet

from trading.models import Bot, ExchangeAccount, LiveGrant
from trading.models.accounts import CLOCK_OFF_MS, CLOCK_WITHIN

CHECKED_WITHIN = timedelta(hours=24)


def accounts() -> QuerySet[ExchangeAccount]:
    """All that were not removed."""
    return ExchangeAccount.objects.filter(removed_at=None)


def grants(bot_id: int | None = None) -> QuerySet[LiveGrant]:
    """Newest first, with what lists show."""
    rows = LiveGrant.objects.select_related(
        "bot", "account", "asked_by", "approved_by", "revoked_by"
    ).order_by("-id")
    return rows if bot_id is None else rows.filter(bot_id=bot_id)


def grant_of(bot: Bot, now: datetime) -> LiveGrant | None:
    """The grant by which a bot may buy now."""
    return _open(bot, now).filter(approved_at__lte=now).first()


def request_of(bot: Bot, now: datetime) -> LiveGrant | None:
    """What waits for another person's approval."""
    return _open(bot, now).filter(approved_at=None).first()


def requests_for(user: User, now: datetime) -> QuerySet[LiveGrant]:
    """What waits for approval and was asked for by somebody else."""
    waiting = grants().filter(revoked_at=None, approved_at=None, expires_at__gt=now)
    return waiting.exclude(asked_by=user)


def _open(bot: Bot, now: datetime) -> QuerySet[LiveGrant]:
    return grants(bot.pk).filter(revoked_at=None, expires_at__gt=now)


def account_reasons(account: ExchangeAccount, now: datetime) -> list[str]:
    """Why nothing should be bought with an account, or nothing granted on it."""
    return [
        *check_reasons(account, now),
        *withdrawal_reasons(account),
        *clock_reasons(account, now),
    ]


def check_reasons(account: ExchangeAccount, now: datetime) -> list[str]:
    """Is it on, and did its exchange say within a day that the key may trade?"""
    reasons = [] if account.enabled else ["The account is switched off."]
    if account.checked_at is None:
        return [*reasons, "The account was never checked."]
    if now - account.checked_at > CHECKED_WITHIN:
        reasons.append("The account was last checked more than 24 hours ago.")
    if not account.may_trade:
        reasons.append("The key may not trade: give it the right for spot.")
    return reasons


def withdrawal_reasons(account: ExchangeAccount) -> list[str]:
    """A key that may withdraw is refused; one that was never asked about is no better."""
    if account.may_withdraw is None:
        return ["It is not known whether the key may withdraw: check the account."]
    return [account.key_problem] if account.may_withdraw else []


def clock_reasons(account: ExchangeAccount, now: datetime) -> list[str]:
    """The clocks must agree, and that must be known from minutes ago."""
    if account.clock_at is None or abs(now - account.clock_at) > CLOCK_WITHIN:
        return ["The exchange's clock was not read in the last five minutes."]
    if abs(account.offset_ms) > CLOCK_OFF_MS:
        return [f"The clocks are {abs(account.offset_ms) / 1000:.1f} s apart."]
    return []


def live_account_reasons(now: datetime) -> list[str]:
    """Of the accounts that live bots use."""
    used = accounts().filter(bots__paper_mode=False).distinct()
    return [f"{account.name}: {why}" for account in used for why in account_reasons(account, now)]


def live_grant_reasons(now: datetime) -> list[str]:
    """Live bots that may buy nothing."""
    bots = Bot.objects.filter(paper_mode=False)
    if not settings.ENV.trading_live_mode:
        return [f"{bot.name} is live, but live mode is off." for bot in bots]
    standing = grants().filter(revoked_at=None, approved_at__lte=now, expires_at__gt=now)
    without = bots.exclude(pk__in=standing.values("bot_id"))
    return [f"{bot.name} is live without a standing grant: it buys nothing." for bot in without]
