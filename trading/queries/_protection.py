"""Live positions and what protects them."""

from __future__ import annotations

from django.db.models import QuerySet

from trading.models import Protection
from trading.protection import Why


def protections(bot_id: int | None = None) -> QuerySet[Protection]:
    """Those of all live positions, or of one bot's; the unprotected first."""
    rows = Protection.objects.select_related("bot", "symbol").order_by("-state", "bot_id", "pk")
    return rows if bot_id is None else rows.filter(bot_id=bot_id)


def unprotected_reasons() -> list[str]:
    """Live positions that people were told have no stop."""
    lost = protections().exclude(alarmed_at=None)
    return [
        f"{row.bot.name}: {row.symbol.name} is unprotected since {row.since:%H:%M:%S} UTC"
        f" ({said(row)})."
        for row in lost
    ]


def said(row: Protection) -> str:
    """Why a position is unprotected, in words; "" when it isn't."""
    words = _WORDS.get(row.reason, row.reason.replace("_", " "))
    return f"{words}: {row.detail}" if row.detail else words


_WORDS: dict[str, str] = {
    Why.PLACING: "the stop is on its way",
    Why.NO_ANSWER: "the exchange hasn't said what became of the stop",
    Why.MOVING: "the stop is being replaced",
    Why.PARTLY: "the stop covers less than is held",
    Why.SELLING: "a sale holds the coins",
    Why.TOO_SMALL: "it is less than the exchange sells",
    Why.NOT_TAKEN: "the exchange takes no stops of this symbol",
    Why.REFUSED: "the exchange refused the stop",
    Why.DENIED: "the stop may not be sent",
    Why.NOT_SENT: "the stop didn't arrive",
    Why.CANCELED_OUTSIDE: "somebody canceled the stop at the exchange",
    Why.EXPIRED: "the exchange ended the stop",
    Why.UNREADABLE: "this console can't read the bot's version or settings",
    Why.BOT_STOPPED: "the bot doesn't run",
    Why.HALTED: "the system doesn't run",
}
