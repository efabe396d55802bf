"""What the audit log holds: one event for each verb, in one chain however many write."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections, transaction

from config import clock
from tests.trading.factories import (
    NOW,
    bars,
    make_bot,
    make_candles,
    make_fill,
    make_order,
    make_symbol,
    make_user,
    make_version,
    quote,
    quotes,
)
from tests.trading.fake_broker import FakeBroker
from trading import services
from trading.audit_chain import GENESIS, chain_hash, seal
from trading.models import AuditEvent, Bot
from trading.order_state import OrderStatus

S = OrderStatus


@pytest.mark.django_db
def test_an_event_says_who_what_and_before_and_after() -> None:
    user = make_user()

    event = services.record(
        action="bot.changed",
        subject="bot:1",
        by=user,
        now=NOW,
        before={"name": "a"},
        after={"name": "b"},
        reason="r" * 300,
    )

    assert (event.actor, event.actor_kind, event.reason) == (user.username, "human", "r" * 200)
    assert (event.before, event.after) == ({"name": "a"}, {"name": "b"})
    assert (event.seq, event.prev_hash) == (1, GENESIS)
    assert event.mac == seal(settings.AUDIT_KEY, event.hash)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "value",
    [0.1, 1e-7, 1e16, 1e22, -0.0, 5e-324, 2**70, "é\n\u2028", [1, [2.5]], {"b": 1, "a": None}],
)
def test_what_comes_back_from_the_database_hashes_the_same(value: Any) -> None:
    event = services.record(
        action="a.b", subject="x", by=None, now=clock.from_ms(1), after={"value": value}
    )

    stored = AuditEvent.objects.get()
    assert services.verify_audit(now=NOW).ok
    assert chain_hash(GENESIS, services._audit._content(stored)) == event.hash


@pytest.mark.django_db(transaction=True)
def test_an_event_that_cannot_be_written_takes_its_change_with_it() -> None:
    bot = make_bot()

    with pytest.raises(ValueError, match="not JSON compliant"):
        _change_and_record(bot, float("nan"))

    bot.refresh_from_db()
    assert bot.name == "Bot"


@transaction.atomic
def _change_and_record(bot: Bot, value: float) -> None:
    Bot.objects.filter(pk=bot.pk).update(name="Changed")
    services.record(action="a.b", subject="x", by=None, now=NOW, after={"value": value})


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_do_not_fork_the_chain() -> None:
    failed: list[Exception] = []

    def write(number: int) -> None:
        try:
            for _ in range(10):
                with transaction.atomic():
                    services.record(action="a.b", subject=f"w:{number}", by=None, now=NOW)
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    verdict = services.verify_audit(now=NOW)
    assert (verdict.ok, verdict.events) == (True, 40)


# One event for each verb


class Scene:
    """What the verbs below act on."""

    def __init__(self) -> None:
        self.admin: User = make_user("admin")
        self.bot = make_bot()
        self.symbol = make_symbol()
        make_candles(self.symbol, bars([100.0], start_ms=clock.to_ms(NOW) - 300_000))
        self.quotes = quotes({self.symbol: quote(100)})

    @property
    def base(self) -> dict[str, Any]:
        return {"by": self.admin, "now": NOW}

    def running(self) -> Bot:
        services.start_bot(bot_id=self.bot.pk, **self.base)
        return self.bot

    def order(self, status: OrderStatus) -> int:
        return make_order(self.bot, status=status).pk

    def intent(self) -> Any:
        return services.create_intent(
            bot_id=self.bot.pk,
            symbol=self.symbol,
            side="BUY",
            qty=Decimal(1),
            idempotency_key="k",
            quote_for=self.quotes,
            **self.base,
        )


Verb = Callable[[Scene], Callable[[], object]]


def _create_bot(scene: Scene) -> Callable[[], object]:
    version = make_version("buy_and_hold")
    return lambda: services.create_bot(
        name="N", symbols=[scene.symbol], timeframe="5m", version=version, **scene.base
    )


def _resume(scene: Scene) -> Callable[[], object]:
    services.pause_system(reason="", **scene.base)
    return lambda: services.resume_system(reason="", **scene.base)


def _revoke(scene: Scene) -> Callable[[], object]:
    token, _ = services.create_token(user=scene.admin, name="n", scope="read", days=1, now=NOW)
    return lambda: services.revoke_token(token_id=token.pk, **scene.base)


def _stop(scene: Scene) -> Callable[[], object]:
    scene.running()
    return lambda: services.stop_bot(bot_id=scene.bot.pk, **scene.base)


def _cancel_job(scene: Scene) -> Callable[[], object]:
    job = _backfill(scene)
    return lambda: services.cancel_job(job_id=job.pk, **scene.base)


def _backfill(scene: Scene) -> Any:
    return services.start_backfill(
        symbol=scene.symbol, timeframe="5m", from_ms=0, to_ms=300_000, **scene.base
    )


def _scheduler_on(scene: Scene) -> Callable[[], object]:
    services.stop_scheduler(**scene.base)
    return lambda: services.start_scheduler(**scene.base)


def _lookup(scene: Scene) -> Callable[[], object]:
    scene.order(S.UNKNOWN)
    return lambda: services.sweep_orders(now=NOW, broker_for=FakeBroker())


def _fill(scene: Scene) -> Callable[[], object]:
    order = make_order(scene.bot, status=S.OPEN, qty="2")
    return lambda: make_fill(order, "1", "100")


def _cancel_order(scene: Scene) -> Callable[[], object]:
    order_id = scene.order(S.OPEN)
    return lambda: services.cancel_order(order_id=order_id, **scene.base)


VERBS: dict[str, Verb] = {
    "bot.created": _create_bot,
    "bot.changed": lambda scene: (
        lambda: services.update_bot(bot_id=scene.bot.pk, changes={"name": "x"}, **scene.base)
    ),
    "bot.knobs_changed": lambda scene: (
        lambda: services.set_knobs(bot_id=scene.bot.pk, knobs={"cooldown_candles": 1}, **scene.base)
    ),
    "bot.started": lambda scene: lambda: services.start_bot(bot_id=scene.bot.pk, **scene.base),
    "bot.stopped": _stop,
    "order.intended": lambda scene: scene.intent,
    "order.canceled": _cancel_order,
    "order.acknowledged": _lookup,
    "order.filled": _fill,
    "system.paused": lambda scene: lambda: services.pause_system(reason="", **scene.base),
    "system.resumed": _resume,
    "system.emergency_stopped": lambda scene: (
        lambda: services.emergency_stop(reason="", **scene.base)
    ),
    "system.scheduler_stopped": lambda scene: lambda: services.stop_scheduler(**scene.base),
    "system.scheduler_started": _scheduler_on,
    "job.created": lambda scene: lambda: _backfill(scene),
    "job.canceled": _cancel_job,
    "strategy_version.created": lambda scene: (
        lambda: services.create_version(
            strategy_name="sma_cross", params={"fast": 9}, note="", **scene.base
        )
    ),
    "token.created": lambda scene: (
        lambda: services.create_token(user=scene.admin, name="n", scope="read", days=1, now=NOW)
    ),
    "token.revoked": _revoke,
    "user.created": lambda scene: (
        lambda: services.create_user(username="new", password="x", role="viewer", now=NOW)
    ),
    "user.logged_in": lambda scene: lambda: services.record_login(user=scene.admin, now=NOW),
    "user.logged_out": lambda scene: lambda: services.record_logout(user=scene.admin, now=NOW),
    "user.login_failed": lambda scene: (
        lambda: services.record_login_failed(username="who", now=NOW)
    ),
    "audit.exported": lambda scene: (
        lambda: list(
            services.export_audit(events=AuditEvent.objects.all(), filters={}, **scene.base)
        )
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("action", VERBS)
def test_a_verb_writes_exactly_one_event(action: str) -> None:
    act = VERBS[action](Scene())
    before = AuditEvent.objects.count()

    act()

    written = AuditEvent.objects.order_by("seq")[before:]
    assert [event.action for event in written] == [action]
    assert services.verify_audit(now=NOW).ok


@pytest.mark.django_db
def test_a_cycle_by_hand_and_its_order_leave_one_event_each() -> None:
    scene = Scene()
    before = AuditEvent.objects.count()

    services.run_cycle(bot_id=scene.bot.pk, quote_for=scene.quotes, **scene.base)

    written = AuditEvent.objects.order_by("seq")[before:]
    assert [event.action for event in written] == [
        "bot.cycle_run",
        "order.intended",
        "order.claimed",
        "order.acknowledged",
        "order.filled",
    ]
