"""Private streams only make polling sooner: whatever they say, lose or repeat, books stay right."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal as D
from functools import partial

import pytest
from pytest_django import Settings

from config import clock
from tests.exchange.streams import Event
from tests.trading.factories import make_user
from tests.trading.listening import LiveAccount, filled, listening, live_account, wait_for
from trading import account_feed, queries, services
from trading.account_feed import Stream
from trading.brokers.private_stream import Heard
from trading.models import Bot, ExchangeAccount, Fill, Order, Reconciliation
from trading.order_state import OrderStatus as S
from trading.services import Followed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_bus")]


@pytest.fixture(params=["binance", "bybit"])
def desk(request: pytest.FixtureRequest, settings: Settings) -> Iterator[LiveAccount]:
    with live_account(request.param, settings) as desk:
        yield desk


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_feed, "FIRST_S", 0.1)


def poll(desk: LiveAccount) -> None:
    """As the sweep does when the usual pause is over."""
    services.sweep_orders(now=clock.now() + timedelta(seconds=5))


def test_a_fill_is_booked_before_polling_alone_would_ask(desk: LiveAccount) -> None:
    order = desk.place()
    with listening(desk):
        desk.poll_later()
        desk.fill(order)
        took_s = wait_for(lambda: filled(order) == D("0.01"), within_s=1.9)
    assert took_s < 1.9  # a poll would come two seconds after the last
    assert Order.objects.get(pk=order.pk).status == S.FILLED


def test_a_message_books_nothing_itself(desk: LiveAccount) -> None:
    order = desk.place()
    with listening(desk, sweep=False) as run:
        before = len(run.hints)
        desk.poll_later()
        desk.fill(order)
        wait_for(lambda: len(run.hints) > before)
        assert not Fill.objects.exists()
        desk.account.refresh_from_db()
        assert desk.account.polled_at is None  # due now, for whoever sweeps
    services.sweep_orders(now=clock.now())
    assert filled(order) == D("0.01")


def test_messages_that_are_repeated_and_out_of_order_change_nothing(desk: LiveAccount) -> None:
    order = desk.place()
    with listening(desk):
        desk.emulator.streams.hold()
        for qty in ("0.002", "0.003", "0.005"):
            desk.fill(order, qty)
        desk.emulator.streams.duplicate(times=99, copies=3)
        desk.emulator.streams.release(backwards=True)
        wait_for(lambda: filled(order) == D("0.01"))
        time.sleep(0.6)
    assert Fill.objects.filter(order=order).count() == 3
    assert Order.objects.get(pk=order.pk).status == S.FILLED


def test_a_silent_stream_costs_only_the_usual_pause(desk: LiveAccount) -> None:
    order = desk.place()
    with listening(desk) as run:
        desk.emulator.streams.silent = True
        before = len(run.hints)
        desk.poll_later()
        desk.fill(order)
        time.sleep(0.5)
        assert len(run.hints) == before
        assert filled(order) == 0
        poll(desk)
    assert filled(order) == D("0.01")


@pytest.mark.usefixtures("quick")
def test_after_a_cut_it_connects_again_and_the_account_is_asked_and_reconciled(
    desk: LiveAccount,
) -> None:
    order = desk.place()
    Reconciliation.objects.create(account=desk.account, due_at=clock.now() + timedelta(hours=1))
    with listening(desk) as run:
        desk.emulator.streams.refusing = True
        desk.emulator.streams.disconnect()
        wait_for(lambda: not run.is_up)
        desk.poll_later()
        desk.fill(order)  # told to nobody
        due = clock.now() + timedelta(hours=1)
        Reconciliation.objects.filter(account=desk.account).update(due_at=due)
        desk.emulator.streams.refusing = False
        wait_for(lambda: filled(order) == D("0.01"))
        assert run.is_up
    assert Reconciliation.objects.filter(account=desk.account, due_at__lte=clock.now()).exists()


@pytest.mark.usefixtures("quick")
def test_a_subscription_that_ends_is_made_again(desk: LiveAccount) -> None:
    order = desk.place()
    with listening(desk) as run:
        assert run.stream is not None
        desk.emulator.expire_streams()
        if desk.account.exchange == "bybit":  # it doesn't say so: a poll finds what was not told
            desk.fill(order, "0.004")
            poll(desk)
            later = clock.now() + account_feed.DEAF + timedelta(seconds=1)
            Fill.objects.filter(order=order).update(at=later)
        wait_for(lambda: run.stream is not None and run.stream.reconnects)
        wait_for(lambda: run.is_up)
        time.sleep(0.6)
        desk.poll_later()
        desk.fill(order)
        wait_for(lambda: filled(order) == D("0.01"), within_s=1.9)


def test_what_nobody_understands_is_harmless(desk: LiveAccount) -> None:
    order = desk.place()
    streams = desk.emulator.streams
    topic = "user" if desk.account.exchange == "binance" else "order"
    with listening(desk) as run:
        for body in _nonsense(topic):
            desk.emulator.call(partial(streams.publish, Event("main", topic, body)))
        time.sleep(0.6)
        assert run.is_up
        assert Order.objects.get(pk=order.pk).status == S.OPEN
        assert not Fill.objects.exists()
        desk.poll_later()
        desk.fill(order)
        wait_for(lambda: filled(order) == D("0.01"), within_s=1.9)


def _nonsense(topic: str) -> list[dict[str, object]]:
    lie: dict[str, object] = {
        "e": "executionReport",
        "X": "FILLED",
        "c": "cs-never",
        "z": "9",
        "s": "BTCUSDT",
    }
    return [
        {},
        {"e": None},
        lie,
        {"topic": topic, "data": "not a list"},
        {"topic": topic, "data": [{"orderStatus": "Filled", "orderLinkId": 7}]},
        {"topic": None, "data": None},
    ]


def test_a_stream_that_talks_without_end_brings_four_looks_a_second(desk: LiveAccount) -> None:
    desk.place()
    streams = desk.emulator.streams
    topic = "user" if desk.account.exchange == "binance" else "order"
    with listening(desk) as run:
        before, began = len(run.hints), time.monotonic()
        for _ in range(40):
            desk.emulator.call(
                lambda: streams.publish(Event("main", topic, {"e": "x", "topic": topic}))
            )
            time.sleep(0.025)
        time.sleep(0.3)
        most = (time.monotonic() - began) / account_feed.GAP_S + 2
        assert 1 <= len(run.hints) - before <= most


def test_nobody_listens_while_the_setting_is_off(desk: LiveAccount, settings: Settings) -> None:
    order = desk.place()
    settings.ENV = settings.ENV.model_copy(update={"private_streams": False})
    with listening(desk, wait=False) as run:
        time.sleep(0.6)
        assert run.feed.streams == {}
        assert queries.stream_state(desk.account.pk) is None
    assert not desk.emulator.streams.connections
    desk.fill(order)
    poll(desk)
    assert filled(order) == D("0.01")


def test_a_stream_of_another_exchange_than_the_orders_is_never_listened_to(
    desk: LiveAccount, settings: Settings
) -> None:
    desk.place()
    name = f"{desk.account.exchange}_stream_base_url"
    settings.ENV = settings.ENV.model_copy(update={name: ""})
    assert services.followed_accounts() == []


def test_an_account_without_orders_or_bots_is_left_alone(desk: LiveAccount) -> None:
    assert len(services.followed_accounts()) == 1  # its bot is live
    Bot.objects.filter(pk=desk.bot.pk).update(paper_mode=True, account=None)
    assert services.followed_accounts() == []


@pytest.mark.usefixtures("quick")
def test_a_wrong_key_is_tried_with_growing_pauses_and_tells_no_secret(
    desk: LiveAccount, caplog: pytest.LogCaptureFixture
) -> None:
    desk.emulator.key.secret, secret = "other-secret", desk.emulator.key.secret
    with listening(desk, wait=False) as run:
        wait_for(lambda: run.stream is not None and run.stream.reconnects >= 3)
        assert not run.is_up
    gc.collect()
    assert "never retrieved" not in caplog.text  # asyncio would tell of futures left behind
    assert "account_stream.ended" in caplog.text
    assert secret not in caplog.text
    desk.emulator.key.secret = secret


def test_another_key_asks_for_another_stream(desk: LiveAccount) -> None:
    with listening(desk) as run:
        first = run.stream
        key = desk.emulator.key
        services.replace_key(
            account_id=desk.account.pk,
            key=key.key,
            secret=key.secret,
            by=make_user("admin"),
            now=clock.now(),
        )
        wait_for(lambda: run.stream is not None and run.stream is not first and run.is_up)


def test_how_a_stream_is_can_be_read_by_everybody(desk: LiveAccount) -> None:
    order = desk.place()
    with listening(desk):
        desk.fill(order)
        wait_for(lambda: filled(order) == D("0.01"))
        wait_for(lambda: (queries.stream_state(desk.account.pk) or _DOWN).events)
        state = queries.stream_state(desk.account.pk)
    assert state is not None
    assert (state.up, state.reconnects) == (True, 0)
    assert state.heard_at is not None


_DOWN = queries.StreamState(False, clock.from_ms(0), None, 0, 0)


def test_an_order_on_its_way_is_worth_another_word(desk: LiveAccount) -> None:
    order = desk.place()
    assert not services.hurry_account(account_id=desk.account.pk)
    Order.objects.filter(pk=order.pk).update(status=S.SUBMITTING)
    assert services.hurry_account(account_id=desk.account.pk)


def test_a_fill_that_is_told_before_its_order_is_booked_as_open_is_not_forgotten(
    desk: LiveAccount,
) -> None:
    order = desk.place()
    with listening(desk) as run:
        Order.objects.filter(pk=order.pk).update(status=S.SUBMITTING)
        before = len(run.hints)
        desk.fill(order)
        wait_for(lambda: len(run.hints) > before + 1)  # nothing could be asked for yet
        assert filled(order) == 0
        Order.objects.filter(pk=order.pk).update(status=S.OPEN)
        wait_for(lambda: filled(order) == D("0.01"), within_s=1.9)


def test_a_feed_that_stands_by_listens_to_nothing(desk: LiveAccount) -> None:
    desk.place()
    with listening(desk) as run:
        run.feed._at_work = lambda: False
        wait_for(lambda: run.feed.streams == {})
        wait_for(lambda: not desk.emulator.streams.connections)
        run.feed._at_work = lambda: True
        wait_for(lambda: run.is_up)


def test_a_stream_is_deaf_when_polling_found_what_it_should_have_told() -> None:
    now = clock.now()
    stream = Stream(Followed(ExchangeAccount(), "", None))
    stream.hear(Heard.SUBSCRIBED)
    assert not stream.is_deaf(None)
    assert not stream.is_deaf(now - timedelta(hours=1))
    assert not stream.is_deaf(now + timedelta(seconds=9))
    assert stream.is_deaf(now + timedelta(seconds=12))
