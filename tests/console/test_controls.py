"""The switches over everything: who may throw them, and the proof of a stop."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.console.conftest import SignIn
from tests.console.pages import body, command, fragment, is_fragment, text_of
from tests.trading.factories import make_bot, make_order, make_replay, make_symbol
from trading.models import AuditEvent, Order, SystemState
from trading.order_state import OrderStatus

State = SystemState.State


def _state() -> str:
    return SystemState.objects.get(pk=1).state


def test_every_gate_is_shown_with_what_is_missing(viewer: Client) -> None:
    text = text_of(viewer.get("/controls/"))

    assert "System is running ok" in text
    assert "Processes are alive beat: no sign of life" in text


def test_an_operator_pauses_and_resumes(operator: Client) -> None:
    command(operator, "/controls/pause/", reason="lunch")
    assert _state() == State.PAUSED
    assert "lunch" in text_of(operator.get("/controls/"))

    command(operator, "/controls/resume/")
    assert _state() == State.RUNNING


def test_pausing_twice_is_refused(operator: Client) -> None:
    command(operator, "/controls/pause/")

    assert command(operator, "/controls/pause/").status_code == 409


def test_a_stop_ends_everything_and_shows_the_proof(operator: Client) -> None:
    make_replay([100, 101])
    make_order(make_bot(name="Other"), status=OrderStatus.OPEN, type="LIMIT", price="90")

    response = operator.post("/controls/emergency-stop/", {"reason": "fire"}, follow=True)

    text = text_of(response)
    assert _state() == State.EMERGENCY_STOP
    assert "Orders sent after the stop 0" in text
    assert "Orders still working 0" in text
    assert "Bots still running 0" in text
    assert "stopped 1 bot and cancelled 1 order" in text
    assert Order.objects.get().status == OrderStatus.CANCELED


def test_the_proof_is_counted_again_for_everybody(sign_in: SignIn) -> None:
    sign_in("operator").post("/controls/emergency-stop/", {"reason": "fire"})
    make_order(make_bot(), status=OrderStatus.OPEN)

    text = text_of(sign_in("viewer").get("/controls/"))

    assert "Orders still working 1" in text
    assert "Your stop took" not in text


def test_a_stop_without_a_reason_is_still_a_stop(operator: Client) -> None:
    operator.post("/controls/emergency-stop/")

    assert _state() == State.EMERGENCY_STOP
    assert SystemState.objects.get(pk=1).reason == "Stop button"


def test_the_same_click_by_htmx_goes_to_the_proof(operator: Client) -> None:
    response = command(operator, "/controls/emergency-stop/", reason="fire")

    assert (response.status_code, response["HX-Redirect"]) == (204, "/controls/")


def test_after_a_stop_only_an_admin_resumes_and_says_why(sign_in: SignIn) -> None:
    operator, admin = sign_in("operator"), sign_in("admin")
    operator.post("/controls/emergency-stop/", {"reason": "fire"})

    assert command(operator, "/controls/resume/", reason="all fine").status_code == 403
    assert command(admin, "/controls/resume/").status_code == 400
    assert _state() == State.EMERGENCY_STOP
    assert command(admin, "/controls/resume/", reason="all fine").status_code == 200
    assert _state() == State.RUNNING


def test_an_operator_is_told_who_may_resume(operator: Client) -> None:
    operator.post("/controls/emergency-stop/", {"reason": "fire"})

    html = body(operator.get("/controls/"))

    assert "Only an admin can resume, with a reason." in html
    assert "/controls/resume/" not in html


def test_the_scheduler_is_switched_off_and_on(operator: Client) -> None:
    command(operator, "/controls/scheduler/stop/")
    assert not SystemState.objects.get(pk=1).scheduler_on

    command(operator, "/controls/scheduler/start/")
    assert SystemState.objects.get(pk=1).scheduler_on


def test_the_page_says_which_candles_keep_the_scheduler_from_starting(operator: Client) -> None:
    make_bot(make_symbol(), strategy="trend_ema")
    command(operator, "/controls/scheduler/stop/")

    refused = command(operator, "/controls/scheduler/start/")
    html = body(operator.get("/controls/"))

    assert refused.status_code == 409
    assert re.search(r"BTC/USDT \d+[mh]", html)
    assert re.search(r"\d+ of \d+ candles", html)
    assert not SystemState.objects.get(pk=1).scheduler_on


@pytest.mark.parametrize(
    "door", ["pause", "resume", "emergency-stop", "scheduler/start", "scheduler/stop"]
)
def test_a_viewer_throws_no_switch(viewer: Client, door: str) -> None:
    before = AuditEvent.objects.count()

    assert viewer.post(f"/controls/{door}/").status_code == 403
    assert AuditEvent.objects.count() == before


def test_a_viewer_sees_no_switch(viewer: Client) -> None:
    html = body(viewer.get("/controls/"))

    assert "/controls/pause/" not in html
    assert "/controls/emergency-stop/" not in html


def test_the_page_reads_itself_again_alone(viewer: Client) -> None:
    assert is_fragment(fragment(viewer, "/controls/", "controls"))
