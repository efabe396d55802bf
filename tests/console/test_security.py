"""The second factor on pages: set up, asked again, switched off, reset, needed of everybody."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django import Settings

from config import clock
from tests.console.coming_in import (
    CODE,
    PASSWORD,
    inside,
    is_in,
    last,
    olga,
    password_given,
    phone,
    proof,
    signed_in,
    time,
)
from tests.console.pages import body, text_of
from tests.trading.factories import make_user
from tests.trading.live_desk import set_env
from tests.trading.phones import Phone, make_phone, totp, wrong_code
from trading import services
from trading.models import Confirmation

pytestmark = pytest.mark.django_db
__all__ = ["inside", "olga", "phone", "time"]


class TestSetUp:
    def begin(self, client: Client) -> str:
        """The seed that the page shows."""
        assert client.post("/security/begin/", {"password": PASSWORD}).status_code == 302
        shown = re.search(r"<code>([A-Z2-7 ]+)</code>", body(client.get("/security/")))
        assert shown
        return shown[1].replace(" ", "")

    def finish(self, client: Client, seed: str) -> Any:
        return client.post("/security/set/", {"code": totp(seed, int(clock.now().timestamp()))})

    def test_from_the_picture_to_recovery_codes(self, inside: Client, olga: User) -> None:
        seed = self.begin(inside)
        page = body(inside.get("/security/"))
        assert '<path class="qr__dark"' in page
        assert "style=" not in page

        answer = self.finish(inside, seed)

        codes = re.findall(r"<li>(\d{5}-\d{5})</li>", body(answer))
        assert len(codes) == 10
        assert "no-store" in answer.headers["Cache-Control"]
        assert codes[0] not in body(inside.get("/security/"))
        assert seed not in body(inside.get("/security/"))
        assert "Recovery codes left 10 of 10" in text_of(inside.get("/security/"))
        assert last("user.second_factor_set").actor == "olga"
        assert is_in(inside)

    def test_it_needs_the_password(self, inside: Client, olga: User) -> None:
        answer = inside.post("/security/begin/", {"password": "a guess"})

        assert answer.status_code == 422
        assert "This is not your password" in text_of(answer)
        assert "<code>" not in body(inside.get("/security/"))

    def test_nothing_changes_before_the_right_code(self, inside: Client, olga: User) -> None:
        seed = self.begin(inside)
        wrong = wrong_code(Phone(seed, []), clock.now())

        answer = inside.post("/security/set/", {"code": wrong})

        assert answer.status_code == 422
        assert seed in body(answer).replace(" ", "")
        assert not services.has_second_factor(olga)

    def test_another_sessions_seed_sets_nothing_up(self, olga: User) -> None:
        mine, theirs = signed_in(olga), signed_in(make_user("operator", "theo"))
        seed = self.begin(theirs)
        self.begin(mine)

        assert self.finish(mine, seed).status_code == 422
        assert self.finish(signed_in(olga), seed).status_code == 302  # nothing was begun there
        assert not services.has_second_factor(olga)

    def test_the_seed_lies_sealed_in_the_session(self, inside: Client) -> None:
        seed = self.begin(inside)

        assert seed not in str([row.get_decoded() for row in Session.objects.all()])

    def test_it_is_over_after_ten_minutes(
        self, inside: Client, olga: User, time: time_machine.Traveller
    ) -> None:
        seed = self.begin(inside)
        time.shift(600)

        assert self.finish(inside, seed).status_code == 302
        assert not services.has_second_factor(olga)
        assert "begin again" in text_of(inside.get("/security/"))

    def test_other_browsers_of_the_person_are_signed_out(self, inside: Client, olga: User) -> None:
        elsewhere, somebody = signed_in(olga), signed_in(make_user("viewer", "vera"))

        self.finish(inside, self.begin(inside))

        assert [is_in(client) for client in (inside, elsewhere, somebody)] == [True, False, True]

    def test_who_has_one_begins_no_other(self, olga: User, phone: Phone) -> None:
        client = signed_in(olga)

        answer = client.post("/security/begin/", proof(phone))

        assert answer.status_code == 422
        assert "<code>" not in body(client.get("/security/"))


# What is asked again, and what it does when it was right.
AGAIN = {"/security/recovery-codes/": 200, "/security/remove/": 302}


class TestAskedAgain:
    @pytest.mark.parametrize("url", AGAIN)
    def test_password_and_code_are_both_needed(self, olga: User, phone: Phone, url: str) -> None:
        client = signed_in(olga)

        for changes in ({"code": ""}, {"password": ""}, {"password": "a guess"}):
            assert client.post(url, proof(phone, **changes)).status_code == 422
        assert client.post(url, {"password": PASSWORD}).status_code == 422
        assert not Confirmation.objects.exists()
        assert client.post(url, proof(phone)).status_code == AGAIN[url]

    @pytest.mark.parametrize("url", AGAIN)
    def test_a_code_used_for_the_sign_in_is_not_asked_for_again_but_refused(
        self, phone: Phone, url: str
    ) -> None:
        client, code = password_given(), phone.code(clock.now())
        client.post(CODE, {"code": code})

        assert client.post(url, {"password": PASSWORD, "code": code}).status_code == 422

    def test_a_recovery_code_is_a_code_here_too(self, olga: User, phone: Phone) -> None:
        client = signed_in(olga)

        answer = client.post("/security/recovery-codes/", proof(phone, code=phone.paper[0]))

        fresh = re.findall(r"<li>(\d{5}-\d{5})</li>", body(answer))
        assert len(fresh) == 10
        assert not set(fresh) & set(phone.paper)

    def test_a_wrong_password_uses_no_code_up(self, olga: User, phone: Phone) -> None:
        client = signed_in(olga)

        client.post("/security/remove/", proof(phone, password="a guess"))

        assert client.post("/security/remove/", proof(phone)).status_code == 302
        assert last("user.second_factor_removed").subject == f"user:{olga.pk}"
        assert is_in(client)

    def test_a_wrong_code_is_counted_with_those_of_the_sign_in(
        self, olga: User, phone: Phone
    ) -> None:
        client, wrong = signed_in(olga), wrong_code(phone, clock.now())
        for _ in range(4):
            client.post("/security/remove/", proof(phone, code=wrong))
        password_given().post(CODE, {"code": wrong})

        answer = client.post("/security/remove/", proof(phone))

        assert "Too many failed login attempts" in text_of(answer)
        assert services.has_second_factor(olga)


class TestSessions:
    def test_one_signs_out_everywhere_else(self, inside: Client, olga: User) -> None:
        elsewhere = [signed_in(olga), signed_in(olga)]

        inside.post("/security/sessions/end/")

        assert is_in(inside)
        assert not any(is_in(client) for client in elsewhere)
        assert last("user.sessions_ended").after == {"ended": 2}

    def test_an_administrator_signs_somebody_out(self, inside: Client, olga: User) -> None:
        boss = signed_in(make_user("admin", "boss"))

        boss.post(f"/people/{olga.pk}/sign-out/")

        assert not is_in(inside)
        assert is_in(boss)
        assert boss.post("/people/999999/sign-out/").status_code == 404


class TestReset:
    @pytest.fixture
    def boss(self) -> Client:
        return signed_in(make_user("admin", "boss"))

    def reset(self, client: Client, **changes: str) -> Any:
        given = {"person": "olga", "reason": "She called me.", "password": PASSWORD}
        return client.post("/people/reset/", {**given, **changes})

    def test_the_person_is_signed_out_and_needs_no_code(
        self, boss: Client, olga: User, phone: Phone
    ) -> None:
        inside = signed_in(olga)
        assert "olga" in text_of(boss.get("/people/"))

        assert self.reset(boss).status_code == 302

        assert not is_in(inside)
        assert not services.has_second_factor(olga)
        event = last("user.second_factor_reset")
        assert (event.actor, event.reason) == ("boss", "She called me.")

    @pytest.mark.parametrize(
        "changes", [{"reason": ""}, {"password": "a guess"}, {"person": "boss"}, {"person": "x"}]
    )
    def test_it_needs_a_reason_the_password_and_somebody_who_has_one(
        self, boss: Client, olga: User, phone: Phone, changes: dict[str, str]
    ) -> None:
        assert self.reset(boss, **changes).status_code == 422
        assert services.has_second_factor(olga)

    def test_an_administrator_with_one_gives_the_own_code(
        self, boss: Client, olga: User, phone: Phone
    ) -> None:
        own = make_phone(User.objects.get(username="boss"), now=clock.now())
        boss = signed_in(User.objects.get(username="boss"))

        assert self.reset(boss).status_code == 422
        assert self.reset(boss, code=phone.code(clock.now())).status_code == 422
        assert self.reset(boss, code=own.code(clock.now())).status_code == 302

    def test_others_may_not(self, inside: Client, phone: Phone) -> None:
        assert self.reset(inside).status_code in {302, 403}
        assert inside.get("/people/").status_code in {302, 403}
        assert User.objects.filter(username="olga").exists()


class TestRequired:
    @pytest.fixture(autouse=True)
    def required(self, settings: Settings) -> None:
        set_env(settings, auth_second_factor="required")

    @pytest.mark.parametrize(
        "url", ["/", "/orders/", "/bots/new/", "/tokens/", "/admin/", "/nowhere/"]
    )
    def test_every_page_leads_to_the_set_up(self, inside: Client, url: str) -> None:
        assert inside.get(url).headers["Location"] == "/security/"
        assert inside.post(url).status_code == 403
        asked = inside.get(url, headers={"HX-Request": "true"})
        assert asked.headers["HX-Redirect"] == "/security/"

    def test_the_api_and_streams_are_closed_to_the_session(self, inside: Client) -> None:
        for url in ("/api/v1/bots", "/api/v1/auth/me", "/sse"):
            assert inside.get(url).status_code == 403, url
        refused = inside.post("/api/v1/auth/tokens", {"name": "x"}, "application/json")
        assert refused.json()["code"] == "SECOND_FACTOR_NEEDED"

    def test_a_header_without_a_token_opens_nothing(self, inside: Client) -> None:
        for header in ("Bearer", "Bearer x", "Basic b2xnYTpzZWNyZXQ=", "bearer cs_x y"):
            answer = inside.get("/api/v1/auth/me", headers={"Authorization": header})
            assert answer.status_code in {401, 403}, header
            assert inside.get("/orders/", headers={"Authorization": header}).status_code == 302

    def test_once_it_is_set_up_everything_opens(self, inside: Client, olga: User) -> None:
        assert "wants a second factor of everybody" in text_of(inside.get("/security/"))
        setting_up = TestSetUp()

        assert setting_up.finish(inside, setting_up.begin(inside)).status_code == 200

        assert is_in(inside)

    def test_one_may_leave_and_change_the_password(self, inside: Client) -> None:
        assert inside.get("/accounts/password/").status_code == 200
        assert inside.post("/accounts/logout/").status_code == 302

    def test_nobody_switches_theirs_off(self, olga: User, phone: Phone) -> None:
        client = signed_in(olga)

        assert client.post("/security/remove/", proof(phone)).status_code == 403
        assert is_in(client)


def test_a_person_without_a_role_can_set_one_up(olga: User, time: datetime) -> None:
    olga.groups.clear()

    assert signed_in(olga).get("/security/").status_code == 200
