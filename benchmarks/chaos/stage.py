"""Run beside a console: an account, live bots with a standing grant, and tokens of two people.

    python -m benchmarks.chaos.stage --key KEY --secret SECRET --bots 3

Through the services, but for the evidence: a green simulation of today's code is a row.
"""

# ruff: noqa: E402
from __future__ import annotations

import argparse
import time
from datetime import datetime
from decimal import Decimal
from typing import Any

import django

django.setup()

import orjson
from django.contrib.auth.models import User

from benchmarks.chaos.stack import SYMBOLS
from config import clock
from marketdata.models import Symbol
from strategies import registry
from strategies import services as strategy_services
from strategies.hashing import code_hash
from strategies.models import StrategyVersion
from trading import services, tear_sheet
from trading.errors import GatesClosed
from trading.models import Bot, ExchangeAccount, Job, Simulation
from trading.services.research._simulations import thresholds
from trading.simulation.certificate import engine_hash

TIMEFRAME = "1m"
CASH = Decimal(30_000)
WIDE = Decimal(1_000_000)
GATES_S = 120.0
KNOBS = {
    "max_exposure": "1",
    "max_position": "0.2",
    "max_daily_loss": "0.5",
    "max_drawdown": "0.5",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--key", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--bots", type=int, default=3)
    said = parser.parse_args()
    admin, operator = (User.objects.get(username=name) for name in ("admin", "operator"))
    account = _account(said.key, said.secret, admin)
    version = strategy_services.create_version(
        strategy_name="trend_ema",
        params={"fast": 3, "slow": 8},
        by=operator,
        now=clock.now(),
        note="",
    )
    _green(version, clock.now())
    tokens = {user.get_username(): _token(user) for user in (admin, operator)}
    bots = [_bot(f"Chaos {n + 1}", version, operator) for n in range(said.bots)]
    for bot in bots:
        _grant(bot, account, asker=operator, approver=admin)
    told = {"account": account.pk, "bots": [bot.pk for bot in bots], "tokens": tokens}
    print(orjson.dumps(told).decode(), flush=True)


def _account(key: str, secret: str, by: User) -> ExchangeAccount:
    account = services.add_account(
        name="chaos", exchange="binance", key=key, secret=secret, by=by, now=clock.now()
    )
    services.set_account_limits(
        account_id=account.pk,
        symbols=SYMBOLS,
        max_order=WIDE,
        max_exposure=WIDE,
        by=by,
        now=clock.now(),
    )
    return services.check_account(account_id=account.pk, by=by, now=clock.now())


def _bot(name: str, version: StrategyVersion, by: User) -> Bot:
    return services.create_bot(
        name=name,
        symbols=[Symbol.objects.get(exchange="binance", name=symbol) for symbol in SYMBOLS],
        timeframe=TIMEFRAME,
        version=version,
        by=by,
        now=clock.now(),
        knobs=KNOBS,
        starting_cash=CASH,
    )


def _green(version: StrategyVersion, now: datetime) -> None:
    job = Job.objects.create(task="simulation.run", created_at=now, updated_at=now, status="DONE")
    hashes = {
        "engine": engine_hash(),
        "strategy": code_hash(registry.get(version.strategy.name)),
        "parameters": version.params_hash,
        "thresholds": tear_sheet.digest(repr(thresholds()).encode()),
    }
    Simulation.objects.create(
        job=job,
        version=version,
        symbols=[f"binance:{symbol}" for symbol in SYMBOLS],
        timeframe=TIMEFRAME,
        from_ms=0,
        to_ms=clock.to_ms(now),
        knobs={},
        starting_cash=CASH,
        created_at=now,
        finished_at=now,
        verdict=Simulation.Verdict.GREEN,
        certificate={"hashes": hashes},
    )


def _token(user: User) -> dict[str, Any]:
    token, secret = services.create_token(
        user=user, name="chaos", scope="write", days=1, now=clock.now()
    )
    services.confirm_person(user=user, via=f"token:{token.pk}", now=clock.now())
    return {"id": token.pk, "secret": secret}


def _grant(bot: Bot, account: ExchangeAccount, *, asker: User, approver: User) -> None:
    """As soon as the gates open: the feed must have told prices, beat must have beaten."""
    give_up_at = time.monotonic() + GATES_S
    while True:
        try:
            grant = services.ask_grant(
                bot_id=bot.pk,
                account_id=account.pk,
                max_order=WIDE,
                max_exposure=WIDE,
                hours=24,
                reason="A run under faults.",
                typed_name=bot.name,
                by=asker,
                now=clock.now(),
            )
            services.confirm_person(user=approver, via="chaos", now=clock.now())
            services.approve_grant(
                grant_id=grant.pk,
                digest=grant.subject_digest,
                typed_name=bot.name,
                by=approver,
                via="chaos",
                now=clock.now(),
            )
        except GatesClosed as refused:
            if time.monotonic() > give_up_at:
                raise SystemExit(f"Not ready for real money: {refused.fields}") from None
            time.sleep(0.5)
        else:
            return


if __name__ == "__main__":
    main()
