"""/ws/events pushes what happens to whoever may look, and stops when they may no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from redis.exceptions import ConnectionError as RedisConnectionError
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from config.bus import EVENTS_GROUP
from config.streams import Mailbox
from config.websocket_auth import CallerMiddleware
from tests.api.factories import Api, make_ready_bot, make_user
from tests.api.sockets import Listener, browsing, listening
from tests.conftest import AsgiServer
from trading.consumers import EventConsumer, topics_of


def event(name: str, **data: Any) -> dict[str, Any]:
    return {"type": "event.message", "event": name, "data": data}


def ready(listener: Listener) -> Listener:
    """The answer to a subscription proves that the groups are joined."""
    listener.say({"unsubscribe": ["nothing"]})
    listener.hear()
    return listener


def test_a_command_over_http_is_heard_on_the_socket(asgi_server: AsgiServer, operator: Api) -> None:
    bot = make_ready_bot()
    with listening(asgi_server, "/ws/events", operator) as listener:
        listener.say({"subscribe": ["bot.state"]})
        assert listener.hear() == ("subscribed", {"topics": ["bot.state"]})

        operator.post(f"bots/{bot.pk}/start")

        name, data = listener.hear()
        assert (name, data["bot_id"], data["status"]) == ("bot.state", bot.pk, "running")
        assert data["job_id"] is not None


def test_topics_choose_what_is_heard(asgi_server: AsgiServer, viewer: Api) -> None:
    with listening(asgi_server, "/ws/events", viewer) as listener:
        listener.say({"subscribe": ["bot:1", "orders"]})
        listener.hear()

        asgi_server.push(EVENTS_GROUP, event("bot.state", bot_id=2, status="running"))
        asgi_server.push(EVENTS_GROUP, event("order.changed", order_id=9, bot_id=2))
        asgi_server.push(EVENTS_GROUP, event("portfolio.snapshot", bot_id=1))

        assert [listener.hear()[0], listener.hear()[0]] == ["order.changed", "portfolio.snapshot"]
        listener.say({"unsubscribe": ["bot:1"]})
        assert listener.hear() == ("subscribed", {"topics": ["orders"]})


def test_without_a_subscription_everything_is_heard(asgi_server: AsgiServer, viewer: Api) -> None:
    with listening(asgi_server, "/ws/events", viewer) as listener:
        listener.say({"subscribe": []})
        listener.hear()


@pytest.mark.parametrize("said", ["", "{", "[]", '{"do": []}', '{"subscribe": "x"}', "{}"])
def test_what_is_no_subscription_is_answered_and_forgotten(
    asgi_server: AsgiServer, viewer: Api, said: str
) -> None:
    with listening(asgi_server, "/ws/events", viewer) as listener:
        listener.say(said)

        assert listener.hear()[1]["code"] == "MALFORMED"
        listener.say({"subscribe": ["../etc"]})
        assert listener.hear()[1]["code"] == "TOPIC_UNKNOWN"


def test_a_flood_of_words_closes_the_socket(asgi_server: AsgiServer, viewer: Api) -> None:
    with listening(asgi_server, "/ws/events", viewer) as listener:
        listener.say("x" * 9000)

        assert listener.close_code() == 1009


def test_nobody_listens_without_a_login(asgi_server: AsgiServer, console: None) -> None:
    for headers in ({}, {"Authorization": "Bearer cs_wrong"}, {"Cookie": "sessionid=wrong"}):
        with pytest.raises(InvalidStatus) as refused:
            connect(f"{asgi_server.ws_url}/ws/events", additional_headers=headers)
        assert refused.value.response.status_code == 403


def test_a_token_in_the_address_counts_for_nothing(asgi_server: AsgiServer, viewer: Api) -> None:
    with pytest.raises(InvalidStatus):
        connect(f"{asgi_server.ws_url}/ws/events?token={viewer.secret}")


def test_a_person_without_a_role_hears_nothing(asgi_server: AsgiServer, viewer: Api) -> None:
    make_user().groups.clear()

    with pytest.raises(InvalidStatus):
        connect(
            f"{asgi_server.ws_url}/ws/events",
            additional_headers={"Authorization": f"Bearer {viewer.secret}"},
        )


def test_a_browser_with_a_session_and_its_own_origin_listens(
    asgi_server: AsgiServer, viewer: Api
) -> None:
    with browsing(asgi_server, viewer) as listener:
        ready(listener)


@pytest.mark.parametrize("origin", ["http://evil.example", "https://{host}", "http://127.0.0.1:1"])
def test_a_page_of_another_origin_does_not(
    asgi_server: AsgiServer, viewer: Api, origin: str
) -> None:
    host = asgi_server.url.removeprefix("http://")

    with (
        pytest.raises(InvalidStatus),
        browsing(asgi_server, viewer, origin=origin.format(host=host)),
    ):
        pass


def test_a_browser_may_offer_its_token_as_a_subprotocol(
    asgi_server: AsgiServer, viewer: Api
) -> None:
    with connect(
        f"{asgi_server.ws_url}/ws/events",
        subprotocols=[Subprotocol("bearer"), Subprotocol(viewer.secret)],
    ) as connection:
        assert connection.subprotocol == "bearer"
        ready(Listener(connection))


def test_a_logout_closes_the_socket(
    asgi_server: AsgiServer, viewer: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EventConsumer, "recheck_s", 0.1)
    with browsing(asgi_server, viewer) as listener:
        ready(listener)
        Session.objects.all().delete()

        assert listener.close_code() == 4401


def test_a_revoked_token_closes_the_socket(
    asgi_server: AsgiServer, viewer: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EventConsumer, "recheck_s", 0.1)
    with listening(asgi_server, "/ws/events", viewer) as listener:
        ready(listener)
        viewer.post("auth/logout")

        assert listener.close_code() == 4401


def test_a_dismissed_person_is_cut_off(
    asgi_server: AsgiServer, viewer: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EventConsumer, "recheck_s", 0.1)
    with listening(asgi_server, "/ws/events", viewer) as listener:
        ready(listener)
        user = make_user()
        user.is_active = False
        user.save()

        assert listener.close_code() == 4401


async def test_while_the_bus_is_away_a_socket_is_asked_to_try_later() -> None:
    async def inner(scope: Any, receive: Any, send: Any) -> None:
        raise RedisConnectionError("no bus")

    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await CallerMiddleware(inner)({"headers": []}, None, send)

    assert sent == [{"type": "websocket.close", "code": 1013}]


def test_an_event_belongs_to_its_name_its_area_and_its_subjects() -> None:
    assert topics_of("job.progress", {"job_id": 3, "bot_id": None}) == {
        "job.progress",
        "jobs",
        "job:3",
    }


async def test_a_slow_listener_is_told_what_it_missed() -> None:
    heard: list[tuple[str, Any]] = []

    class Recorder(EventConsumer):
        async def push(self, event: str, data: Mapping[str, Any]) -> None:
            heard.append((event, data))

    consumer = Recorder()
    consumer.mailbox = Mailbox(size=1)
    for number in range(3):
        consumer.mailbox.put(event("order.changed", order_id=number))
    delivering = asyncio.create_task(consumer._deliver())
    await asyncio.sleep(0.05)
    delivering.cancel()

    assert heard == [("stream.lagged", {"dropped": 2}), ("order.changed", {"order_id": 2})]
