"""The newest drift of a bot."""

from __future__ import annotations

from trading.models import BotDrift


def drift_of(bot_id: int) -> BotDrift | None:
    """How far a bot is from its shadow; None as long as nothing was measured."""
    return BotDrift.objects.filter(bot_id=bot_id).order_by("-id").first()
