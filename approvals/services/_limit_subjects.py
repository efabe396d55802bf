"""What a request for looser limits binds people's word to, and whether it still is there."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from approvals import access
from approvals.models import Approval, ApprovalKind, ApprovalPolicy
from config.refusals import Refusal
from trading.loosening import Change
from trading.services import (
    Weighed,
    get_account,
    get_bot,
    limits_need,
    weigh_account,
    weigh_knobs,
)

MONEY = frozenset({"max_order", "max_exposure"})  # of an account, in the quote asset


@dataclass(frozen=True, slots=True)
class Target:
    """Whose limits, as they are and as they are wanted."""

    kind: str  # "bot" or "account"
    pk: int
    name: str
    bound: dict[str, Any]  # what else people look at when they agree
    weighed: Weighed

    @property
    def about(self) -> str:
        return f"{self.kind}:{self.pk}"

    @property
    def needs(self) -> str:
        """The permission that changing these limits takes."""
        return access.OPERATE_BOTS if self.kind == "bot" else access.ADMINISTER


def bot_target(bot_id: int, changes: Mapping[str, Any], *, lock: bool = False) -> Target:
    """Refuses BotUnknown, KnobsInvalid."""
    bot = get_bot(bot_id, lock=lock)
    symbols = sorted(str(symbol) for symbol in bot.symbols.all())
    bound = {"version": bot.version_id, "timeframe": bot.timeframe, "symbols": symbols}
    return Target("bot", bot.pk, bot.name, bound, weigh_knobs(bot=bot, knobs=changes))


def account_target(account_id: int, changes: Mapping[str, Any], *, lock: bool = False) -> Target:
    """Refuses AccountUnknown, AccountInvalid."""
    account = get_account(account_id, lock=lock)
    bound = {"exchange": account.exchange, "key_hint": account.key_hint}
    weighed = weigh_account(account=account, limits=changes)
    return Target("account", account.pk, account.name, bound, weighed)


def limits_subject(
    target: Target, policy: ApprovalPolicy, *, reason: str, by_id: int, due: datetime
) -> dict[str, Any]:
    """Everything that a person agrees to, as canonical JSON can hold it."""
    return {
        "kind": ApprovalKind.LIMITS.value,
        target.kind: target.pk,
        "name": target.name,
        "bound": target.bound,
        "before": target.weighed.before,
        "after": target.weighed.after,
        "diff": [_said(change) for change in target.weighed.changes],
        "reason": reason,
        "requested_by": by_id,
        "approvers": policy.approvers,
        "on_expiry": str(policy.on_expiry),
        "expires_at": due.isoformat(),
        "nonce": secrets.token_hex(16),
    }


def target_of(row: Approval, *, lock: bool = False) -> Target:
    """Whose limits a request is about, as they are now. Refuses when they are gone."""
    wanted = wanted_of(row)
    if "bot" in row.subject:
        return bot_target(int(row.subject["bot"]), wanted, lock=lock)
    return account_target(int(row.subject["account"]), wanted, lock=lock)


def wanted_of(row: Approval) -> dict[str, Any]:
    """The limits that a request asks for, as services take them."""
    after: dict[str, Any] = row.subject["after"]
    if "bot" in row.subject:
        return after
    return {name: Decimal(value) if name in MONEY else value for name, value in after.items()}


def limits_changed(row: Approval, *, lock: bool = False) -> list[str]:
    """What differs between a request and the limits it speaks of."""
    try:
        target = target_of(row, lock=lock)
    except Refusal as refusal:
        return [refusal.detail]
    asked = row.subject
    reasons = [
        f"{name.replace('_', ' ').capitalize()} changed since."
        for name, value in target.bound.items()
        if asked["bound"].get(name) != value
    ]
    if limits_need() > row.approvers:
        reasons.append("More people must agree by now.")
    before = target.weighed.before
    turned = [name for name in before if before[name] != asked["before"].get(name)]
    words = ", ".join(name.replace("_", " ") for name in turned)
    return [*reasons, *([f"Limits that were changed since: {words}."] if turned else [])]


def _said(change: Change) -> dict[str, Any]:
    return {
        "param": change.name,
        "title": change.title,
        "unit": change.unit,
        "from": change.before,
        "to": change.after,
        "looser": change.looser,
    }
