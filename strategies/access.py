"""Permission names of strategies; the roles that hold them are in `trading.access`."""

from __future__ import annotations

from config.permissions import Holds

VIEW = "trading.view_console"
OPERATE = "strategies.operate_strategies"


class MayView(Holds):
    """A person or token that may look at the console."""

    permission = VIEW


class MayOperate(Holds):
    """One that may make versions and run simulations."""

    permission = OPERATE
