"""Who lets which bot trade with real money, for how long: asked, approved by another, ended."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet

from marketdata.canonical import canonical_json
from marketdata.queries import last_price
from trading import events
from trading.errors import (
    BotIsLive,
    BotIsPaper,
    BotNotFlat,
    GrantChanged,
    GrantInvalid,
    GrantNotOpen,
    GrantUnknown,
    OwnGrant,
)
from trading.models import Bot, ExchangeAccount, LiveGrant, Order, Position
from trading.order_state import LIVE
from trading.queries import Gate
from trading.services._audit import record
from trading.services._bots import get_bot
from trading.services._confirm import check_confirmed
from trading.services.accounts._accounts import get_account
from trading.services.live._gate import Caps, check_live_mode, check_open, checklist, name_gate

ASKED_FOR = timedelta(hours=24)  # nobody approves what was asked for longer ago
MOST = Decimal(10**12)


def ask_grant(
    *,
    bot_id: int,
    account_id: int,
    max_order: Decimal,
    max_exposure: Decimal,
    hours: int,
    reason: str,
    typed_name: str,
    by: User,
    now: datetime,
    within: timedelta = ASKED_FOR,
) -> LiveGrant:
    """Ask that a bot may spend real money. An older request of the same bot is withdrawn.

    Doors ask through approvals, whose policy says within which time somebody must agree.

    Refuses LiveModeOff, GrantInvalid, GatesClosed.
    """
    check_live_mode()
    _check_shape(max_order, max_exposure, hours, reason)
    bot, account, caps = get_bot(bot_id), get_account(account_id), Caps(max_order, max_exposure)
    gates = [*checklist(bot=bot, account=account, caps=caps, now=now), name_gate(bot, typed_name)]
    check_open(gates)
    with transaction.atomic():
        bot = get_bot(bot_id, lock=True)
        _supersede(LiveGrant.objects.filter(bot=bot, approved_at=None), by, now)
        grant = LiveGrant.objects.create(
            bot=bot,
            account=account,
            **asdict(caps),
            hours=hours,
            expires_at=now + within,
            reason=reason.strip(),
            asked_by=by,
            asked_at=now,
            asked_gates=_stored(gates),
        )
        grant.subject_digest = digest_of(grant)
        grant.save(update_fields=["subject_digest"])
        _record("grant.asked", grant, by, now, reason=grant.reason, gates=grant.asked_gates)
        _notice(grant, f"{by.get_username()} asks to trade it live.", now, level="warning")
    return grant


def approve_grant(
    *, grant_id: int, digest: str, typed_name: str, by: User, via: str, now: datetime
) -> LiveGrant:
    """Another person lets the bot go live; `digest` names what that person has read.

    Refuses LiveModeOff, StepUpRequired, OwnGrant, GrantNotOpen, GrantChanged, GatesClosed,
    BotNotFlat, BotIsLive. The gates are asked again, and kept as they were.
    """
    check_live_mode()
    check_confirmed(user=by, via=via, now=now)
    grant = get_grant(grant_id)
    _check_decidable(grant, by, now)
    bot, caps = grant.bot, Caps(grant.max_order, grant.max_exposure)
    gates = [
        *checklist(bot=bot, account=grant.account, caps=caps, now=now),
        name_gate(bot, typed_name),
    ]
    check_open(gates)
    with transaction.atomic():
        bot = get_bot(bot.pk, lock=True)
        grant = get_grant(grant_id, lock=True)
        _check_decidable(grant, by, now)
        if not digest == grant.subject_digest == digest_of(grant):
            raise GrantChanged(f"{bot.name} is not what it was when this was asked for: ask anew.")
        _go_live(bot, grant, by, now)
        standing = LiveGrant.objects.filter(bot=bot, approved_at__isnull=False)
        _supersede(standing.filter(expires_at__gt=now), by, now)
        grant.approved_by, grant.approved_at, grant.approved_gates = by, now, _stored(gates)
        grant.expires_at = now + timedelta(hours=grant.hours)
        grant.save(update_fields=["approved_by", "approved_at", "approved_gates", "expires_at"])
        _record("grant.approved", grant, by, now, gates=grant.approved_gates)
        _notice(grant, f"Live until {grant.expires_at:%Y-%m-%d %H:%M} UTC.", now, level="warning")
    return grant


def revoke_grant(*, grant_id: int, reason: str, by: User, now: datetime) -> LiveGrant:
    """From now on the bot buys nothing; what it holds it may sell. Refuses GrantNotOpen."""
    with transaction.atomic():
        open_ = LiveGrant.objects.filter(pk=grant_id, revoked_at=None, expires_at__gt=now)
        revoked = open_.update(revoked_by=by, revoked_at=now, revoke_reason=reason.strip()[:200])
        grant = get_grant(grant_id)
        if not revoked:
            raise GrantNotOpen(f"This grant is {grant.state_at(now).lower()} already.")
        _record("grant.revoked", grant, by, now, reason=reason)
        _notice(grant, f"{by.get_username()} revoked its live grant: no buys.", now)
    return grant


def end_grants(*, now: datetime) -> int:
    """Tell of each grant whose time is over, once; how many were told of."""
    over = ended_grants(now)
    told = 0
    for grant in over.select_related("bot", "account", "asked_by"):
        with transaction.atomic():
            if not over.filter(pk=grant.pk).update(ended_at=now):
                continue
            _record("grant.expired", grant, None, now)
            _notice(grant, "Its live grant has expired: no buys. What it holds it may sell.", now)
        told += 1
    return told


def ended_grants(now: datetime) -> QuerySet[LiveGrant]:
    """Those that have expired without anybody having been told."""
    return LiveGrant.objects.filter(
        approved_at__isnull=False, revoked_at=None, ended_at=None, expires_at__lte=now
    )


def bring_to_paper(*, bot_id: int, by: User, now: datetime, reason: str = "") -> Bot:
    """Back to the paper market, its grants revoked. Refuses BotIsPaper, BotNotFlat."""
    with transaction.atomic():
        bot = get_bot(bot_id, lock=True)
        if bot.paper_mode:
            raise BotIsPaper(f"{bot.name} trades on paper already.")
        _check_flat(bot, None)
        _supersede(LiveGrant.objects.filter(bot=bot, expires_at__gt=now), by, now, "back to paper")
        _switch(bot, {"paper_mode": True, "account": None}, now)
        subject = f"bot:{bot.pk}"
        record(action="bot.back_to_paper", subject=subject, by=by, now=now, reason=reason)
        events.bot_state(bot, job_id=None, now=now)
    return bot


def get_grant(grant_id: int, *, lock: bool = False) -> LiveGrant:
    """Refuses GrantUnknown."""
    rows = LiveGrant.objects.select_related("bot__version__strategy", "account", "asked_by")
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    found = rows.filter(pk=grant_id).first()
    if found is None:
        raise GrantUnknown(f"There is no grant {grant_id}.")
    return found


def digest_of(grant: LiveGrant) -> str:
    """sha256 of what is granted: the bot as it is now, its limits, the account, the caps."""
    bot = Bot.objects.select_related("version").get(pk=grant.bot_id)
    subject = {
        "grant": grant.pk,
        "bot": bot.pk,
        "name": bot.name,
        "version": [bot.version_id, bot.version.params_hash],
        "symbols": [str(symbol) for symbol in bot.symbols.order_by("botsymbol__rank")],
        "timeframe": bot.timeframe,
        "knobs": bot.knobs,
        "account": grant.account_id,
        "caps": [f"{grant.max_order.normalize():f}", f"{grant.max_exposure.normalize():f}"],
        "hours": grant.hours,
        "reason": grant.reason,
        "asked_by": grant.asked_by_id,
    }
    return hashlib.sha256(canonical_json(subject).encode()).hexdigest()


def _check_shape(max_order: Decimal, max_exposure: Decimal, hours: int, reason: str) -> None:
    wrong: dict[str, object] = {}
    for name, value in {"max_order": max_order, "max_exposure": max_exposure}.items():
        if not value.is_finite() or not 0 < value <= MOST:
            wrong[name] = [f"More than 0, at most {MOST:f}."]
    if not wrong and max_order > max_exposure:
        wrong["max_order"] = ["No order can be larger than all positions together."]
    longest = settings.ENV.live_grant_max_hours
    if not 1 <= hours <= longest:
        wrong["hours"] = [f"Between 1 and {longest}."]
    if not 3 <= len(reason.strip()) <= 300:
        wrong["reason"] = ["Say why, in 3 to 300 characters."]
    if wrong:
        raise GrantInvalid("This can't be asked for.", fields=wrong)


def _check_decidable(grant: LiveGrant, by: User, now: datetime) -> None:
    if grant.asked_by_id == by.pk:
        raise OwnGrant("You asked for it: somebody else must approve.")
    if grant.state_at(now) != "ASKED":
        raise GrantNotOpen(f"This grant is {grant.state_at(now).lower()}.")


def _go_live(bot: Bot, grant: LiveGrant, by: User, now: datetime) -> None:
    """Paper to live, flat, with the cash that is granted and a curve of its own.

    A bot that is live with this account already stays as it is.
    """
    account, cash = grant.account, grant.max_exposure
    if not bot.paper_mode:
        if bot.account_id != account.pk:
            raise BotIsLive(f"{bot.name} is live with another account: back to paper first.")
        return
    _check_flat(bot, account)
    books = {
        "cash": cash,
        "starting_cash": cash,  # what paper earned is no money
        "peak_equity": cash,
        "day_start_equity": cash,
        "funded_at": now,
    }
    _switch(bot, {"paper_mode": False, "account": account, **books}, now)
    after = {"account": account.name, "cash": f"{cash:f}"}
    record(action="bot.went_live", subject=f"bot:{bot.pk}", by=by, now=now, after=after)
    events.bot_state(bot, job_id=None, now=now)


def _check_flat(bot: Bot, account: ExchangeAccount | None) -> None:
    """`account`: what it goes live with; None on the way back to paper."""
    reasons = [] if bot.status == Bot.Status.STOPPED else [f"It is {bot.status.lower()}: stop it."]
    held = [row for row in bot.positions.select_related("symbol") if row.qty]
    held = [row for row in held if not _is_dust(row, account)]
    reasons += [f"It holds {row.qty:f} {row.symbol.base}." for row in held]
    working = Order.objects.filter(bot=bot, status__in=LIVE)
    reasons += [f"Order {order.client_order_id} may still fill." for order in working[:5]]
    if reasons:
        raise BotNotFlat(f"{bot.name} must be stopped and flat.", fields={"reasons": reasons})


def _is_dust(held: Position, account: ExchangeAccount | None) -> bool:
    """What fees in the coin leave, and no exchange would sell.

    Less than a lot may come along to the account in which it lies: elsewhere the bot would count
    on coins that aren't there.
    """
    symbol = held.symbol
    lots = held.qty - held.qty % symbol.qty_step
    if account is None:
        price = last_price(held.symbol_id)
        too_cheap = price is not None and lots * price < symbol.min_notional
        return not lots or lots < symbol.min_qty or too_cheap
    of_bot = Order.objects.filter(bot=held.bot_id, symbol=symbol, account__isnull=False)
    newest = of_bot.order_by("-pk").first()
    return not lots and newest is not None and newest.account_id == account.pk


def _switch(bot: Bot, to: dict[str, Any], now: datetime) -> None:
    """The fence moves on: a cycle by hand that is under way writes no more."""
    still = Bot.objects.filter(pk=bot.pk, status=Bot.Status.STOPPED, paper_mode=bot.paper_mode)
    if not still.update(**to, fence=F("fence") + 1, lease_until=None, updated_at=now):
        raise BotNotFlat(f"{bot.name} was changed meanwhile.")
    bot.refresh_from_db()


def _supersede(rows: QuerySet[LiveGrant], by: User, now: datetime, why: str = "superseded") -> None:
    for grant in rows.filter(revoked_at=None).select_related("bot", "account", "asked_by"):
        LiveGrant.objects.filter(pk=grant.pk).update(
            revoked_by=by, revoked_at=now, revoke_reason=why
        )
        _record("grant.superseded", grant, by, now, reason=why)


def _stored(gates: list[Gate]) -> list[dict[str, Any]]:
    return [{"name": gate.name, "ok": gate.ok, "reasons": gate.reasons} for gate in gates]


def _record(
    action: str,
    grant: LiveGrant,
    by: User | None,
    now: datetime,
    *,
    reason: str = "",
    gates: list[dict[str, Any]] | None = None,
) -> None:
    after = {
        "bot": grant.bot_id,
        "account": grant.account.name,
        "max_order": f"{grant.max_order:f}",
        "max_exposure": f"{grant.max_exposure:f}",
        "hours": grant.hours,
        "expires_at": grant.expires_at.isoformat(),
        "digest": grant.subject_digest,
        "asked_by": grant.asked_by.get_username(),
    }
    if gates is not None:
        after["gates"] = [gate["name"] for gate in gates if gate["ok"]]
    subject = f"grant:{grant.pk}"
    record(action=action, subject=subject, by=by, now=now, after=after, reason=reason)


def _notice(grant: LiveGrant, said: str, now: datetime, level: str = "danger") -> None:
    events.system_notice(f"{grant.bot.name}: {said}", bot_id=grant.bot_id, now=now, level=level)
