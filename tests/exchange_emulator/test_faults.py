"""Each fault does what it is called: what ccxt raises, and whether the order stands."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest

from tests.exchange import faults
from tests.exchange.clients import async_client, sync_client
from tests.exchange.emulator import Emulator
from tests.exchange.faults import Spoil
from tests.exchange.orders import Status
from tests.exchange_emulator.trading import PAIR, cancel, find, limit_buy, market, settled

PLACING = {"binance": "POST /api/v3/order", "bybit": "POST /v5/order/create"}
CANCELING = {"binance": "DELETE /api/v3/order", "bybit": "POST /v5/order/cancel"}

NETWORK, AWAY, TIMEOUT = ccxt.NetworkError, ccxt.ExchangeNotAvailable, ccxt.RequestTimeout
DDOS, RATE, PLAIN = ccxt.DDoSProtection, ccxt.RateLimitExceeded, ccxt.ExchangeError

# fault, raised by sync, raised by async, whether the order stands
SAME: list[tuple[Spoil, type[Exception], type[Exception], bool]] = [
    (faults.reset, NETWORK, AWAY, False),
    (faults.reset_after, NETWORK, AWAY, True),
    (faults.answer_lost, NETWORK, AWAY, True),
    (faults.slow(0.5), TIMEOUT, TIMEOUT, True),
    (faults.stalled(0.5), TIMEOUT, TIMEOUT, False),
    (faults.status(500, accepted=True), AWAY, AWAY, True),
    (faults.status(502, accepted=True), AWAY, AWAY, True),
    (faults.status(503), AWAY, AWAY, False),
    (faults.status(504, accepted=True), TIMEOUT, TIMEOUT, True),
    (faults.status(418), DDOS, DDOS, False),
    (faults.cut_short, NETWORK, PLAIN, True),
]
QUIET = [faults.truncated, faults.html, faults.body_of(b""), faults.body_of(b"null")]


def named(case: Any) -> str:
    return case.name if isinstance(case, Spoil) else ""


async def raised(client: Any, client_id: str) -> Any:
    try:
        await settled(limit_buy(client, client_id))
    except ccxt.BaseError as error:
        return error
    return None


async def both(emulator: Emulator, spoil: Spoil) -> tuple[Any, Any]:
    """What the sync and the async client raise for one spoiled order each."""
    sync, waiting = sync_client(emulator, timeout=300), async_client(emulator, timeout=300)
    sync.load_markets()
    await waiting.load_markets()
    emulator.fail(spoil, path=PLACING[sync.id], times=2)
    try:
        return await raised(sync, "of-sync"), await raised(waiting, "of-async")
    finally:
        await waiting.close()


@pytest.mark.parametrize(("spoil", "sync", "waiting", "stands"), SAME, ids=named)
async def test_an_answer_that_does_not_come_says_nothing_about_the_order(
    emulator: Emulator, spoil: Spoil, sync: type, waiting: type, stands: bool
) -> None:
    errors = await both(emulator, spoil)

    assert isinstance(errors[0], sync)
    assert isinstance(errors[1], waiting)
    assert [len(emulator.ledger.by_client_id(one)) for one in ("of-sync", "of-async")] == [
        int(stands)
    ] * 2
    assert len(emulator.ledger.asked(PLACING[emulator.venue.name])) == 2
    assert {one.fault for one in emulator.ledger.requests} == {"", spoil.name}


@pytest.mark.parametrize("spoil", QUIET, ids=range(len(QUIET)))
async def test_a_broken_body_raises_nothing_and_the_order_stands(
    emulator: Emulator, spoil: Spoil
) -> None:
    assert await both(emulator, spoil) == (None, None)

    assert len(emulator.ledger.orders) == 2


@pytest.mark.parametrize(
    ("spoil", "binance", "bybit"),
    [(faults.status(429, retry_after=3), DDOS, RATE), (faults.status(403), AWAY, RATE)],
    ids=named,
)
async def test_a_limit_is_told_in_each_venues_way(
    emulator: Emulator, spoil: Spoil, binance: type, bybit: type
) -> None:
    errors = await both(emulator, spoil)

    assert {type(error) for error in errors} == {
        binance if emulator.venue.name == "binance" else bybit
    }
    assert emulator.ledger.orders == []


@pytest.mark.parametrize(
    ("code", "msg", "kind"),
    [
        (-1000, "An unknown error occurred while processing the request.", ccxt.OperationFailed),
        (-1006, "An unexpected response was received from the message bus.", ccxt.OperationFailed),
        (-1007, "Timeout waiting for response from backend server.", TIMEOUT),
    ],
)
def test_binance_may_not_know_itself(
    binance: Emulator, code: int, msg: str, kind: type[Exception]
) -> None:
    client = sync_client(binance)
    client.load_markets()
    binance.fail(faults.refused({"code": code, "msg": msg}, accepted=True), times=1)

    with pytest.raises(kind):
        limit_buy(client, "unsure")
    assert len(binance.ledger.by_client_id("unsure")) == 1


@pytest.mark.parametrize(
    ("code", "kind"), [(10000, ccxt.ExchangeError), (10016, PLAIN), (170146, ccxt.InvalidOrder)]
)
def test_bybit_may_not_know_itself(bybit: Emulator, code: int, kind: type[Exception]) -> None:
    client = sync_client(bybit)
    client.load_markets()
    body = {"retCode": code, "retMsg": "Order creation timeout", "result": {}, "time": 1}
    bybit.fail(faults.refused(body, code=200, accepted=True), times=1)

    with pytest.raises(kind):
        limit_buy(client, "unsure")
    assert len(bybit.ledger.by_client_id("unsure")) == 1


@pytest.mark.parametrize("client_id", [None, "of-somebody-else"])
def test_an_answer_may_lack_our_id_or_name_another(
    emulator: Emulator, client: Any, client_id: str | None
) -> None:
    emulator.fail(faults.with_fields(clientOrderId=client_id, orderLinkId=client_id), times=1)

    assert limit_buy(client, "mine")["clientOrderId"] == client_id
    assert find(client, "mine")["clientOrderId"] == "mine"


def test_an_order_may_become_visible_late(emulator: Emulator, client: Any) -> None:
    emulator.fail(faults.hidden(queries=2), path=PLACING[client.id], times=1)
    limit_buy(client, "late")
    emulator.heal()

    assert client.fetch_open_orders(PAIR) == []
    assert [find(client, "late") is None for _ in range(3)] == [True, True, False]
    assert len(client.fetch_open_orders(PAIR)) == 1


def test_an_order_may_stay_hidden_for_a_time(emulator: Emulator, client: Any) -> None:
    emulator.fail(faults.lost_and_hidden(seconds=60), path=PLACING[client.id], times=1)
    with pytest.raises(ccxt.NetworkError):
        limit_buy(client, "later")

    assert find(client, "later") is None
    emulator.skew_ms = 61_000
    client.load_time_difference()
    assert find(client, "later")["status"] == "open"


def test_an_order_may_be_accepted_after_the_connection_is_gone(
    emulator: Emulator, client: Any
) -> None:
    emulator.fail(faults.accepted_late(0.5), path=PLACING[client.id], times=1)

    with pytest.raises(ccxt.NetworkError):
        limit_buy(client, "afterwards")

    assert find(client, "afterwards") is None
    client.sleep(900)
    assert find(client, "afterwards")["status"] == "open"


def test_a_late_request_is_not_accepted_out_of_its_window(emulator: Emulator, client: Any) -> None:
    emulator.fail(faults.accepted_late(0.5), path=PLACING[client.id], times=1)

    with pytest.raises(ccxt.NetworkError):
        limit_buy(client, "too-late")
    emulator.skew_ms = 60_000
    client.sleep(900)

    assert emulator.ledger.orders == []


def test_a_fill_may_win_against_its_cancel(emulator: Emulator, client: Any) -> None:
    limit_buy(client, "raced")
    emulator.fail(faults.fill_wins, path=CANCELING[client.id], times=1)

    with pytest.raises(ccxt.OrderNotFound):
        cancel(client, "raced")

    assert emulator.ledger.order("raced").status is Status.FILLED
    assert find(client, "raced")["filled"] == 0.01


def test_a_cancel_may_work_without_an_answer(emulator: Emulator, client: Any) -> None:
    limit_buy(client, "quiet")
    emulator.fail(faults.answer_lost, path=CANCELING[client.id], times=1)

    with pytest.raises(ccxt.NetworkError):
        cancel(client, "quiet")

    assert emulator.ledger.order("quiet").status is Status.CANCELED


def test_a_fault_may_be_about_one_order(emulator: Emulator, client: Any) -> None:
    emulator.fail(faults.status(503), about="unlucky")

    limit_buy(client, "lucky")
    with pytest.raises(ccxt.ExchangeNotAvailable):
        limit_buy(client, "unlucky")

    assert [order.wanted.client_id for order in emulator.ledger.orders] == ["lucky"]


def test_an_exchange_that_is_down_is_reached_by_nothing_and_forgets_nothing(
    emulator: Emulator, client: Any
) -> None:
    limit_buy(client, "before")
    emulator.go_down()

    with pytest.raises(ccxt.NetworkError):
        limit_buy(client, "meanwhile")
    emulator.come_up()

    assert find(client, "meanwhile") is None
    assert find(client, "before")["status"] == "open"


def test_maintenance_answers_everything_with_no(emulator: Emulator, client: Any) -> None:
    emulator.maintenance = True

    with pytest.raises((ccxt.ExchangeNotAvailable, ccxt.ExchangeError)):
        limit_buy(client, "closed")
    with pytest.raises((ccxt.ExchangeNotAvailable, ccxt.ExchangeError)):
        client.fetch_time()
    emulator.heal()
    limit_buy(client, "opened")
    assert [order.wanted.client_id for order in emulator.ledger.orders] == ["opened"]


def test_a_fault_has_its_route_its_number_and_its_chance(emulator: Emulator, client: Any) -> None:
    emulator.fail(faults.status(503), path="balance", times=1)
    emulator.fail(faults.status(503), path=PLACING[client.id], chance=0.5)

    outcomes = []
    for number in range(40):
        try:
            market(client, f"maybe-{number}", qty=0.001)
            outcomes.append(True)
        except ccxt.ExchangeNotAvailable:
            outcomes.append(False)

    assert 8 < sum(outcomes) < 32
    assert len(emulator.ledger.orders) == sum(outcomes)
