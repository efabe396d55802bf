"""Roles and permission names; used by pages, API, streams and the menu alike."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

VIEW = "trading.view_console"
OPERATE = "trading.operate_bots"
STOP = "trading.emergency_stop"
APPROVE_LIVE = "trading.approve_live"
ADMINISTER = "trading.administer"
APPROVE = "approvals.approve"  # apart from operating: who proposes needs somebody else

VIEWER, OPERATOR, ADMIN = "viewer", "operator", "admin"

ROLE_PERMISSIONS: dict[str, tuple[str, ...]] = {
    VIEWER: (VIEW,),
    OPERATOR: (
        VIEW,
        OPERATE,
        STOP,
        "marketdata.operate_marketdata",
        "strategies.operate_strategies",
    ),
    ADMIN: (
        VIEW,
        OPERATE,
        STOP,
        APPROVE_LIVE,
        APPROVE,
        ADMINISTER,
        "marketdata.operate_marketdata",
        "strategies.operate_strategies",
    ),
}


def role_of(user: User) -> str:
    """The highest of a person's roles; "" for none."""
    held = set(user.groups.values_list("name", flat=True))
    if user.is_superuser:
        held.add(ADMIN)
    return next((role for role in (ADMIN, OPERATOR, VIEWER) if role in held), "")


class MayView(BasePermission):
    """A person or token that may look at the console."""

    permission = VIEW

    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(request.user and request.user.has_perm(self.permission))


class MayOperate(MayView):
    permission = OPERATE


class MayStop(MayView):
    permission = STOP


class MayApproveLive(MayView):
    permission = APPROVE_LIVE


class MayAdminister(MayView):
    permission = ADMINISTER
