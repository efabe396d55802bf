"""The checklist before real money: every gate, open or closed, with its reasons. Only reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from config import clock
from strategies import registry
from strategies.hashing import code_hash
from trading import tear_sheet
from trading.errors import GatesClosed, LiveModeOff
from trading.knobs import Knobs
from trading.models import (
    AuditEvent,
    Bot,
    DecisionRecord,
    ExchangeAccount,
    Incident,
    Order,
    Simulation,
    Trade,
)
from trading.order_state import UNRESOLVED
from trading.queries import Gate, readiness
from trading.queries._live import check_reasons, clock_reasons, withdrawal_reasons
from trading.queries._readiness import LIVE_GRANTS, PROTECTED
from trading.services.research._simulations import thresholds
from trading.simulation.certificate import engine_hash

# What changes what a bot is: its record on paper begins again with each of them.
_TRADES = ("version", "symbols", "timeframe")
_OFF = "Live mode is off: nothing live is granted or sent (TRADING_LIVE_MODE)."


@dataclass(frozen=True, slots=True)
class Caps:
    """What a grant allows, in the quote asset."""

    max_order: Decimal
    max_exposure: Decimal


def check_live_mode() -> None:
    """Refuses LiveModeOff while the setting is off."""
    if not settings.ENV.trading_live_mode:
        raise LiveModeOff(_OFF)


def checklist(
    *, bot: Bot, account: ExchangeAccount | None, caps: Caps | None, now: datetime
) -> list[Gate]:
    """All gates that the rows can answer; without an account or caps theirs are closed."""
    return [
        _gate("live_mode", [] if settings.ENV.trading_live_mode else [_OFF]),
        *_account_gates(bot, account, now),
        _gate("ready", _unready(now)),
        _gate("evidence_green", _evidence_reasons(bot, now)),
        _gate("paper_record", _paper_reasons(bot, now)),
        _gate("no_incident", _incident_reasons(bot, account)),
        _gate("limits_set", _limit_reasons(bot, account, caps)),
    ]


def name_gate(bot: Bot, typed: str) -> Gate:
    """A person wrote down which bot is meant."""
    right = typed.strip() == bot.name
    return _gate("name_typed", [] if right else [f"Type the bot's name: {bot.name}."])


def check_open(gates: Iterable[Gate]) -> None:
    """Refuses GatesClosed with everything that is missing."""
    closed = [gate for gate in gates if not gate.ok]
    if closed:
        reasons = [reason for gate in closed for reason in gate.reasons]
        names = [gate.name for gate in closed]
        raise GatesClosed("Not ready for real money.", fields={"gates": names, "reasons": reasons})


def _account_gates(bot: Bot, account: ExchangeAccount | None, now: datetime) -> list[Gate]:
    names = ("account_checked", "key_cannot_withdraw", "clock_right", "symbols_allowed")
    if account is None:
        return [_gate(name, ["No account was chosen."]) for name in names]
    reasons = (
        check_reasons(account, now),
        withdrawal_reasons(account),
        clock_reasons(account, now),
        _symbol_reasons(bot, account),
    )
    return [_gate(name, why) for name, why in zip(names, reasons, strict=True)]


def _symbol_reasons(bot: Bot, account: ExchangeAccount) -> list[str]:
    reasons = []
    for symbol in bot.symbols.order_by("botsymbol__rank"):
        if symbol.exchange != account.exchange:
            reasons.append(f"{symbol.name} is traded on {symbol.exchange}, not with this account.")
        elif symbol.name not in account.symbols:
            reasons.append(f"The account doesn't allow {symbol.name}.")
    return reasons


def _unready(now: datetime) -> list[str]:
    """Readiness but for what a grant may mend: a bot without one, whose stops nobody watches."""
    mended = (LIVE_GRANTS, PROTECTED)
    return [reason for gate in readiness(now) if gate.name not in mended for reason in gate.reasons]


def _evidence_reasons(bot: Bot, now: datetime) -> list[str]:
    """The newest finished simulation of the bot's version: green, of today's code, not old."""
    finished = Simulation.objects.filter(version=bot.version).exclude(finished_at=None)
    newest = finished.order_by("-id").first()
    if newest is None:
        return [f"There is no finished simulation of {bot.version}."]
    reasons = [*_unlike(newest, bot), *_stale(newest, bot, now)]
    if newest.verdict != Simulation.Verdict.GREEN:
        reasons.insert(0, f"Simulation {newest.pk} is {newest.verdict.lower() or 'not judged'}.")
    return [*reasons]


def _unlike(simulation: Simulation, bot: Bot) -> list[str]:
    reasons = []
    missing = {str(symbol) for symbol in bot.symbols.all()} - set(simulation.symbols)
    if missing:
        reasons.append(f"Simulation {simulation.pk} is not about {', '.join(sorted(missing))}.")
    if simulation.timeframe != bot.timeframe:
        reasons.append(f"Simulation {simulation.pk} is about {simulation.timeframe} candles.")
    if simulation.fill_at != Simulation.FillAt.NEXT_OPEN:
        reasons.append(f"Simulation {simulation.pk} fills at the close that decided: optimistic.")
    return reasons


def _stale(simulation: Simulation, bot: Bot, now: datetime) -> list[str]:
    hashes = simulation.certificate.get("hashes", {})
    current = {
        "engine": engine_hash(),
        "strategy": code_hash(registry.get(bot.version.strategy.name)),
        "parameters": bot.version.params_hash,
        "thresholds": tear_sheet.digest(repr(thresholds()).encode()),
    }
    changed = [name for name, value in current.items() if hashes.get(name) != value]
    reasons = [f"Simulation {simulation.pk} is stale: {name} changed since." for name in changed]
    days = settings.ENV.live_evidence_days
    if clock.from_ms(simulation.to_ms) < now - timedelta(days=days):
        reasons.append(f"Simulation {simulation.pk} ends more than {days} days ago.")
    return reasons


def _paper_reasons(bot: Bot, now: datetime) -> list[str]:
    if bot.is_replay:
        return ["A replay can't go live."]
    env, since = settings.ENV, _same_since(bot)
    decided = DecisionRecord.objects.filter(bot=bot, decided_at__gte=since, decided_at__lte=now)
    days = len(decided.datetimes("decided_at", "day"))
    closed = Trade.objects.filter(bot=bot, status=Trade.Status.CLOSED, opened_at__gte=since)
    trades = closed.exclude(fills__order__account__isnull=False).distinct().count()
    reasons = []
    if days < env.live_paper_days:
        reasons.append(f"It decided on {days} of {env.live_paper_days} days.")
    if trades < env.live_paper_trades:
        reasons.append(f"It closed {trades} of {env.live_paper_trades} trades on paper.")
    return reasons


def _same_since(bot: Bot) -> datetime:
    """Since when it trades what it trades: a record of other parameters proves nothing."""
    changed = ("bot.changed", "bot.version_taken")
    changes = AuditEvent.objects.filter(action__in=changed, subject=f"bot:{bot.pk}")
    for event in changes.order_by("-seq"):
        before, after = event.before or {}, event.after or {}
        if any(before.get(name) != after.get(name) for name in _TRADES):
            return event.at
    return bot.created_at


def _incident_reasons(bot: Bot, account: ExchangeAccount | None) -> list[str]:
    unsure = Order.objects.filter(bot=bot, status__in=UNRESOLVED)
    reasons = [f"Order {order.client_order_id} is {order.status}." for order in unsure]
    if account is None:
        return reasons
    found = Incident.objects.filter(account=account, state=Incident.State.OPEN)
    return [*reasons, *(f"{row.get_kind_display()}: {row.subject}." for row in found)]


def _limit_reasons(bot: Bot, account: ExchangeAccount | None, caps: Caps | None) -> list[str]:
    knobs = Knobs.model_validate(bot.knobs)
    reasons = []
    if knobs.max_daily_loss >= 1 or knobs.max_drawdown >= 1:
        reasons.append("The bot has no limit of its daily loss or of its drawdown.")
    if account is not None and not (account.max_order and account.max_exposure):
        reasons.append("The account has no limits yet.")
    if caps is None:
        return [*reasons, "The grant's limits are not set."]
    if account is None:
        return reasons
    for name, unit in {"max_order": "in one order", "max_exposure": "in all"}.items():
        wanted, allowed = getattr(caps, name), getattr(account, name)
        if wanted > allowed:
            reasons.append(f"{wanted:f} {unit} is more than the account's {allowed:f}.")
    return reasons


def _gate(name: str, reasons: list[str]) -> Gate:
    return Gate(name, not reasons, reasons)
