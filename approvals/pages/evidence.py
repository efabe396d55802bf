"""What speaks for and against a request: proof, claims, and what its bots would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from approvals import ai_queries, queries, services
from approvals.models import Approval, Outlook
from strategies.models import StrategyVersion
from trading import access as trading_access
from trading import queries as trading_queries
from trading.errors import SimulationUnfinished
from trading.models import Bot, Order, Simulation
from trading.order_state import LIVE
from trading.outlook import in_numbers
from trading.queries import BotCard
from trading.simulation_pages import sheet

SHOWN = (
    "total_return",
    "sharpe",
    "max_drawdown",
    "win_rate",
    "profit_factor",
    "trades",
    "exposure",
    "turnover",
    "fees",
    "composite",
)
SHARES = {
    "mean": "Mean exposure",
    "p95": "95th percentile",
    "most": "Most",
    "in_market": "Time in the market",
}
OLD_AFTER = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Touched:
    """A bot of the strategy, what an activation means for it, and what it would do at once."""

    card: BotCard
    takes: bool
    words: str
    outlook: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Concerned:
    """The bots of a version's strategy, those that take it first, as a worker last saw them."""

    bots: list[Touched]
    outlook: Outlook | None
    now: datetime

    @property
    def is_old(self) -> bool:
        """Whether a worker should have looked again by now."""
        seen = self.outlook
        return seen is not None and abs(self.now - seen.measured_at) > OLD_AFTER

    @property
    def waits(self) -> bool:
        """Whether a bot takes it that no worker has looked at."""
        return self.outlook is None and any(each.takes for each in self.bots)


def proof_of(simulation: Simulation | None) -> dict[str, Any]:
    """Rows of metrics, of exposure, curves, and checks of a finished simulation; {} without."""
    if simulation is None:
        return {}
    try:
        told = sheet(simulation)
        report = told["report"]
        sides = report["candidate"], report["baseline"] or {}
        rows = {row["name"]: row for row in told["rows"]()}
    except (SimulationUnfinished, KeyError):
        return {}
    return {
        "rows": [rows[name] for name in SHOWN if name in rows],
        "shares": shares_of(*sides),
        "equity": told["equity"],
        "falls": told["falls"],
        "checks": report["verdict"]["reasons"],
    }


def shares_of(candidate: Mapping[str, Any], baseline: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How much of equity both sides had in the market; [] for a report that doesn't say."""
    ours, theirs = candidate.get("exposure", {}), baseline.get("exposure", {})
    if not ours and not theirs:
        return []
    return [
        {"title": title, "candidate": ours.get(name), "baseline": theirs.get(name)}
        for name, title in SHARES.items()
    ]


def said_of(row: Approval, *, with_texts: bool) -> dict[str, Any]:
    """What who suggested it said, each number with its mark; {} for what a person asked alone."""
    suggestion = row.suggestion
    if suggestion is None:
        return {}
    shown = bool(suggestion.call_id) and with_texts
    return {
        "suggestion": suggestion,
        "texts": ai_queries.texts_of(suggestion),
        "call": services.opened_call(call_id=suggestion.call_id or 0) if shown else None,
    }


def may_read_texts(user: Any) -> bool:
    """Prompts hold results of trading: who operates bots reads them."""
    return bool(user.has_perm(trading_access.OPERATE))


def concerned_by(version: StrategyVersion | None, now: datetime) -> Concerned:
    """Each bot of the version's strategy with what changes for it."""
    if version is None:
        return Concerned([], None, now)
    seen = queries.outlook_of(version.pk)
    told = {one["bot"]: in_numbers(one) for one in seen.bots} if seen else {}
    cards = [card for card in trading_queries.bot_cards() if _is_of(card.bot, version)]
    found = [_touched(card, version, told) for card in cards]
    return Concerned(sorted(found, key=lambda each: (not each.takes, each.card.bot.pk)), seen, now)


def _touched(card: BotCard, version: StrategyVersion, told: Mapping[int, Any]) -> Touched:
    kept = _keeps(card.bot, version)
    if kept:
        return Touched(card, False, kept)
    return Touched(card, True, _when(card.bot), told.get(card.bot.pk))


def _keeps(bot: Bot, version: StrategyVersion) -> str:
    """Why a bot doesn't take the version; "" for one that does."""
    if bot.version_id == version.pk:
        return "It runs this version already."
    if bot.is_replay:
        return "A replay keeps its version."
    if not bot.paper_mode:
        return "Live: it keeps its version until a new grant for another one."
    return "" if bot.follows_active else "It keeps its version: it doesn't follow the active one."


def _when(bot: Bot) -> str:
    if not bot.is_running:
        return "Takes it at its first candle once it is started."
    if Order.objects.filter(bot=bot, status__in=LIVE).exists():
        return "Takes it at a candle's close once its order is done."
    return "Takes it at its next candle."


def _is_of(bot: Bot, version: StrategyVersion) -> bool:
    return bot.version.strategy_id == version.strategy_id
