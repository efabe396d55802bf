"""What this room refuses, each with a stable code."""

from __future__ import annotations

from config.refusals import Conflict, NotFound, Refusal


class ChannelUnknown(NotFound):
    code = "CHANNEL_UNKNOWN"


class ChannelInvalid(Refusal):
    code = "CHANNEL_INVALID"
    status = 400


class ChannelFixed(Conflict):
    """It comes from the environment: change it there."""

    code = "CHANNEL_FIXED"


class ChannelTestedJustNow(Conflict):
    code = "CHANNEL_TESTED_JUST_NOW"


class QuietHoursInvalid(Refusal):
    code = "QUIET_HOURS_INVALID"
    status = 400


class DeliveryUnknown(NotFound):
    code = "DELIVERY_UNKNOWN"


class DeliveryUnderWay(Conflict):
    """Only what has failed can be sent again."""

    code = "DELIVERY_UNDER_WAY"
