"""Permission names of approvals; the roles that hold them are in `trading.access`."""

from __future__ import annotations

from config.permissions import Holds
from trading import access as trading_access

VIEW = trading_access.VIEW
ADMINISTER = trading_access.ADMINISTER
APPROVE = trading_access.APPROVE
APPROVE_LIVE = trading_access.APPROVE_LIVE
OPERATE = "strategies.operate_strategies"
OPERATE_BOTS = trading_access.OPERATE


class MayView(Holds):
    """A person or token that may look at the console."""

    permission = VIEW


class MayPropose(Holds):
    """One that may ask for an activation."""

    permission = OPERATE


class MayApprove(Holds):
    """One that may decide on what others ask for, activate and roll back."""

    permission = APPROVE


class MayAdminister(Holds):
    """One that may change policies and grant waivers."""

    permission = ADMINISTER
