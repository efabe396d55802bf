"""A live bot with limits, who asks for looser ones, and who decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal as D
from typing import Any

from pytest_django import Settings

from approvals import services
from approvals.models import Approval, ApprovalPolicy
from tests.approvals.asking import VIA, make_approver
from tests.trading.live_desk import LiveDesk, make_live_desk
from trading import services as trading_services
from trading.models import Bot, ExchangeAccount

KNOBS = {"max_exposure": "0.9", "max_daily_loss": "0.05"}  # looser, and tighter beside it


@dataclass(slots=True)
class Room:
    """A live bot, who asks, who decides."""

    desk: LiveDesk

    @property
    def now(self) -> datetime:
        return self.desk.now

    def at(self, **later: float) -> datetime:
        return self.desk.at(**later)

    def ask(self, changes: dict[str, Any] | None = None, **given: Any) -> Approval:
        asked: dict[str, Any] = {
            "bot_id": self.desk.bot.pk,
            "changes": KNOBS if changes is None else changes,
            "reason": "Two good weeks.",
            "by": self.desk.asker,
            "now": self.now,
            **given,
        }
        return services.request_limits(**asked)

    def ask_account(self, by: Any = None, **changes: Any) -> Approval:
        wanted = changes or {"max_exposure": D(10**11)}
        account_id = self.desk.account.pk
        who = by or make_approver("carl")
        return self.ask(wanted, bot_id=0, account_id=account_id, by=who)

    def approve(self, row: Approval, **given: Any) -> Approval:
        said: dict[str, Any] = {
            "approval_id": row.pk,
            "digest": row.digest,
            "by": self.desk.approver,
            "via": VIA,
            "now": self.at(minutes=1),
            **given,
        }
        if given.get("confirmed", True) and hasattr(said["by"], "pk") and said["by"].pk:
            trading_services.confirm_person(user=said["by"], via=VIA, now=said["now"])
        said.pop("confirmed", None)
        return services.approve(**said)

    @property
    def knobs(self) -> dict[str, Any]:
        return dict(Bot.objects.get(pk=self.desk.bot.pk).knobs)

    @property
    def account(self) -> ExchangeAccount:
        return ExchangeAccount.objects.get(pk=self.desk.account.pk)

    def policy(self, **given: Any) -> ApprovalPolicy:
        fields: dict[str, Any] = {
            "deadline_s": 86_400,
            "approvers": 2,
            "step_up": True,
            "on_expiry": "NOTHING",
            "allow_red": False,
            **given,
        }
        by = self.desk.approver
        return services.change_policy(kind="LIMITS", by=by, now=self.now, **fields)


def make_room(settings: Settings) -> Room:
    """A bot that is live with an exposure of at most one half."""
    desk = make_live_desk(settings)
    trading_services.set_knobs(
        bot_id=desk.bot.pk, knobs={"max_exposure": "0.5"}, by=desk.asker, now=desk.now
    )
    desk.go_live()
    return Room(desk)
