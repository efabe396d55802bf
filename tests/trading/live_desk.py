"""A bot for which every gate of live trading is open, and the people around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

from django.contrib.auth.models import User
from pytest_django import Settings

from config import clock
from marketdata.models import Ticker
from strategies import registry
from strategies.hashing import code_hash
from tests.trading.factories import make_account, make_bot, make_symbol, make_user
from trading import services, tear_sheet
from trading.models import (
    AuditEvent,
    Bot,
    DecisionRecord,
    ExchangeAccount,
    Heartbeat,
    Job,
    LiveGrant,
    Reconciliation,
    Simulation,
    Trade,
)
from trading.services.research._simulations import thresholds
from trading.simulation.certificate import engine_hash

VIA = "session:test"
DAYS, TRADES = 3, 2


def actions() -> list[str]:
    """What the audit log holds, oldest first."""
    return list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))


def set_env(settings: Settings, **changes: Any) -> None:
    settings.ENV = settings.ENV.model_copy(update=changes)


@dataclass
class LiveDesk:
    """Everything green at `now`, until a test breaks it."""

    bot: Bot
    account: ExchangeAccount
    simulation: Simulation
    now: datetime
    asker: User
    approver: User
    asked: dict[str, Any] = field(default_factory=dict)

    def ask(self, **changes: Any) -> LiveGrant:
        given: dict[str, Any] = {
            "bot_id": self.bot.pk,
            "account_id": self.account.pk,
            "max_order": D(500),
            "max_exposure": D(800),
            "hours": 24,
            "reason": "Its record is good.",
            "typed_name": self.bot.name,
            "by": self.asker,
            "now": self.now,
        }
        return services.ask_grant(**{**given, **changes})

    def confirm(self, user: User | None = None, *, at: datetime | None = None) -> None:
        services.confirm_person(user=user or self.approver, via=VIA, now=at or self.now)

    def approve(self, grant: LiveGrant, **changes: Any) -> LiveGrant:
        given: dict[str, Any] = {
            "grant_id": grant.pk,
            "digest": grant.subject_digest,
            "typed_name": self.bot.name,
            "by": self.approver,
            "via": VIA,
            "now": self.now,
        }
        return services.approve_grant(**{**given, **changes})

    def go_live(self) -> LiveGrant:
        grant = self.ask()
        self.confirm()
        granted = self.approve(grant)
        self.bot.refresh_from_db()
        return granted

    def at(self, **later: float) -> datetime:
        return self.now + timedelta(**later)


def make_live_desk(settings: Settings, *, exchange: str = "binance", **account: Any) -> LiveDesk:
    """One bot with three days and two trades on paper, and a green simulation of its version."""
    set_env(
        settings,
        trading_require_data_ready=False,
        live_paper_days=DAYS,
        live_paper_trades=TRADES,
    )
    now = clock.now()
    symbol = make_symbol(
        exchange=exchange, qty_step="0.00001", min_qty="0.00001", price_tick="0.01"
    )
    bot = make_bot(
        symbol,
        knobs={"max_daily_loss": "0.1", "max_drawdown": "0.3"},
        now=now - timedelta(days=DAYS + 2),
    )
    Ticker.objects.create(symbol=symbol, last=42_000.0, at=now)
    for process in ("beat", "feed"):
        Heartbeat.objects.update_or_create(process=process, defaults={"at": now})
    _paper_record(bot, now)
    made = make_account(exchange=exchange, **account)
    Reconciliation.objects.create(account=made, told_at=now)
    return LiveDesk(
        bot=bot,
        account=made,
        simulation=_green(bot, now),
        now=now,
        asker=make_user("operator"),
        approver=make_user("admin"),
    )


def _paper_record(bot: Bot, now: datetime) -> None:
    symbol = bot.symbols.get()
    for day in range(1, DAYS + 1):
        at = now - timedelta(days=day)
        DecisionRecord.objects.create(
            bot=bot,
            symbol=symbol,
            timeframe=bot.timeframe,
            candle_close_ms=clock.to_ms(at),
            action="HOLD",
            reason="already_long",
            price=1.0,
            decided_at=at,
        )
    for _ in range(TRADES):
        Trade.objects.create(
            bot=bot,
            symbol=symbol,
            status=Trade.Status.CLOSED,
            entry_reason="signal_enter",
            opened_at=now - timedelta(days=1),
            closed_at=now,
        )


def _green(bot: Bot, now: datetime) -> Simulation:
    job = Job.objects.create(task="simulation.run", created_at=now, updated_at=now)
    hashes = {
        "engine": engine_hash(),
        "strategy": code_hash(registry.get(bot.version.strategy.name)),
        "parameters": bot.version.params_hash,
        "thresholds": tear_sheet.digest(repr(thresholds()).encode()),
    }
    return Simulation.objects.create(
        job=job,
        version=bot.version,
        symbols=[str(symbol) for symbol in bot.symbols.all()],
        timeframe=bot.timeframe,
        from_ms=0,
        to_ms=clock.to_ms(now),
        knobs={},
        starting_cash=D(1000),
        created_at=now,
        finished_at=now,
        verdict=Simulation.Verdict.GREEN,
        certificate={"hashes": hashes},
    )
