"""A bot's way to real money and back on pages: asked, approved by another, ended."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from tests.console.pages import body, command, fragment, text_of
from tests.trading.factories import make_position, make_user
from tests.trading.live_desk import LiveDesk, make_live_desk, set_env
from trading.models import Bot, Confirmation, ExchangeAccount, LiveGrant, Order

PASSWORD = "secret"  # of people from tests.trading.factories


@pytest.fixture
def desk(db: None, clean_bus: None, settings: Settings) -> LiveDesk:
    cache.clear()
    return make_live_desk(settings)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator(desk: LiveDesk) -> Client:
    return browser(desk.asker)


@pytest.fixture
def admin(desk: LiveDesk) -> Client:
    return browser(desk.approver)


def page_of(desk: LiveDesk) -> str:
    return f"/bots/{desk.bot.pk}/live/"


def ask(client: Client, desk: LiveDesk, **changes: Any) -> Any:
    given = {
        "account": desk.account.pk,
        "max_order": "500",
        "max_exposure": "800",
        "hours": "24",
        "reason": "Its record is good.",
        "typed_name": desk.bot.name,
    }
    return client.post(f"{page_of(desk)}ask/", {**given, **changes})


def approve(client: Client, desk: LiveDesk, **changes: Any) -> Any:
    grant = LiveGrant.objects.latest("pk")
    given = {
        "digest": grant.subject_digest,
        "typed_name": desk.bot.name,
        "password": PASSWORD,
    }
    return client.post(f"/grants/{grant.pk}/approve/", {**given, **changes})


class TestChecklist:
    def test_each_gate_says_whether_it_is_open_and_why_not(
        self, operator: Client, desk: LiveDesk
    ) -> None:
        ExchangeAccount.objects.update(may_withdraw=True)

        text = text_of(operator.get(page_of(desk)))

        assert "The key can&#x27;t withdraw The key may withdraw, so it is refused" in text
        assert "2 closed" in text
        assert "The paper record is long enough open" in text

    def test_it_follows_the_limits_that_are_typed(self, operator: Client, desk: LiveDesk) -> None:
        given = f"?account={desk.account.pk}&max_order=500&max_exposure=800"

        text = text_of(fragment(operator, page_of(desk) + given, "checklist"))

        assert "All open" in text
        assert "2000000 in all is more than" in text_of(
            fragment(operator, page_of(desk) + given.replace("800", "2000000"), "checklist")
        )

    def test_without_an_account_the_next_step_is_named(
        self, operator: Client, admin: Client, desk: LiveDesk
    ) -> None:
        ExchangeAccount.objects.update(removed_at=desk.now)

        assert "An admin adds accounts." in text_of(operator.get(page_of(desk)))
        assert "/exchange-accounts/new/" in body(admin.get(page_of(desk)))

    def test_live_mode_off_is_said_first(
        self, operator: Client, desk: LiveDesk, settings: Settings
    ) -> None:
        set_env(settings, trading_live_mode=False)

        assert "TRADING_LIVE_MODE=true" in text_of(operator.get("/live/"))
        assert "Live mode is off: nothing live is granted" in text_of(operator.get(page_of(desk)))


def ids_twice(html: str) -> set[str]:
    ids = re.findall(r"\sid=\"([^\"]+)\"", html)
    return {name for name in ids if ids.count(name) > 1}


class TestAsk:
    def test_who_asks_is_told_that_another_must_approve(
        self, operator: Client, desk: LiveDesk
    ) -> None:
        answer = ask(operator, desk)

        assert answer.url == page_of(desk)
        text = text_of(operator.get(page_of(desk)))
        assert "Somebody else must approve" in text
        assert "Somebody with the right to approve must look at this page" in text

    def test_a_wrong_field_keeps_what_was_typed(self, operator: Client, desk: LiveDesk) -> None:
        answer = ask(operator, desk, max_order="900")

        assert answer.status_code == 422
        assert "No order can be larger than all positions together." in text_of(answer)
        assert 'value="900"' in body(answer)
        assert "Its record is good." in body(answer)

    def test_closed_gates_leave_the_form_alone(self, operator: Client, desk: LiveDesk) -> None:
        answer = operator.post(
            f"{page_of(desk)}ask/",
            {
                "account": desk.account.pk,
                "max_order": "500",
                "max_exposure": "800",
                "hours": "24",
                "reason": "good",
                "typed_name": "wrong",
            },
            headers={"HX-Request": "true", "HX-Target": "live-ask"},
        )

        assert (answer.status_code, answer["HX-Retarget"]) == (409, "#notices")
        assert "Type the bot&#x27;s name" in text_of(answer)

    def test_a_viewer_is_not_offered_it(self, desk: LiveDesk) -> None:
        viewer = browser(make_user("viewer"))
        html = body(viewer.get(page_of(desk)))
        assert "live-ask" not in html
        assert ask(viewer, desk).status_code == 403


class TestApprove:
    def test_another_person_reads_it_and_approves(
        self, operator: Client, admin: Client, desk: LiveDesk
    ) -> None:
        ask(operator, desk)
        html = body(admin.get(page_of(desk)))
        assert LiveGrant.objects.get().subject_digest in html
        assert ids_twice(html) == set()

        approve(admin, desk)

        assert not Bot.objects.get(pk=desk.bot.pk).paper_mode
        text = text_of(operator.get(page_of(desk)))
        assert "It may buy with main: 23 h left" in text
        assert "Live Strategy" not in text_of(operator.get("/"))

    def test_who_asked_finds_no_button_and_no_way_around(
        self, admin: Client, desk: LiveDesk
    ) -> None:
        ask(admin, desk)

        page = admin.get(page_of(desk))

        assert "You asked for it: somebody else must approve." in text_of(page)
        assert 'id="live-approve"' not in body(page)
        assert approve(admin, desk).status_code == 403
        assert Bot.objects.get(pk=desk.bot.pk).paper_mode

    def test_a_wrong_password_is_said_next_to_its_field(
        self, operator: Client, admin: Client, desk: LiveDesk
    ) -> None:
        ask(operator, desk)

        answer = approve(admin, desk, password="a guess")

        assert answer.status_code == 422
        assert "This is not your password." in text_of(answer)
        assert f'value="{desk.bot.name}"' in body(answer)
        assert "a guess" not in body(answer)
        assert not Confirmation.objects.exists()

    def test_after_five_wrong_passwords_the_right_one_is_refused_too(
        self, operator: Client, admin: Client, desk: LiveDesk
    ) -> None:
        ask(operator, desk)
        for _ in range(5):
            approve(admin, desk, password="a guess")
        assert "Too many failed login attempts" in text_of(approve(admin, desk))
        assert Bot.objects.get(pk=desk.bot.pk).paper_mode

    def test_a_page_from_before_a_newer_request_approves_nothing(
        self, operator: Client, admin: Client, desk: LiveDesk
    ) -> None:
        ask(operator, desk)
        old = LiveGrant.objects.get()
        ask(operator, desk, max_order="700")

        answer = admin.post(
            f"/grants/{old.pk}/approve/",
            {"digest": old.subject_digest, "typed_name": desk.bot.name, "password": PASSWORD},
        )

        assert answer.status_code == 409
        assert Bot.objects.get(pk=desk.bot.pk).paper_mode

    def test_what_waits_is_listed_with_its_time(
        self, operator: Client, admin: Client, desk: LiveDesk
    ) -> None:
        ask(operator, desk)
        assert "Waits for another person" in text_of(admin.get("/live/"))
        assert "Review" in text_of(admin.get("/live/"))
        assert "Review" not in text_of(operator.get("/live/"))

    def test_who_may_approve_sees_the_count_on_every_page(
        self, operator: Client, admin: Client, desk: LiveDesk
    ) -> None:
        ask(operator, desk)
        assert '<b title="Wait for your approval">1</b>' in body(admin.get("/bots/"))
        assert "Wait for your approval" not in body(operator.get("/bots/"))
        approve(admin, desk)
        count = fragment(admin, "/live/", "waiting-count")
        assert text_of(count) == ""


class TestLive:
    def test_a_live_bot_is_marked_wherever_bots_are_listed(
        self, operator: Client, desk: LiveDesk
    ) -> None:
        for url in ("/", "/bots/"):
            assert "badge--live" not in body(operator.get(url))
        desk.go_live()
        urls = ("/", "/bots/", f"/bots/{desk.bot.pk}/", "/live/", page_of(desk))
        for url in (*urls, f"/exchange-accounts/{desk.account.pk}/"):
            assert "badge--live" in body(operator.get(url)), url

    def test_a_revoked_grant_is_said_and_kept(self, operator: Client, desk: LiveDesk) -> None:
        grant = desk.go_live()

        command(operator, f"/grants/{grant.pk}/revoke/", reason="odd fills")

        text = text_of(operator.get(page_of(desk)))
        assert "no grant stands" in text
        assert "odd fills" in text
        assert "none: it buys nothing" in text_of(operator.get("/live/"))

    def test_a_standing_grant_stays_in_sight_while_another_is_asked_for(
        self, operator: Client, desk: LiveDesk
    ) -> None:
        grant = desk.go_live()
        asked = desk.ask(hours=48)

        html = body(operator.get(page_of(desk)))

        assert f"/grants/{grant.pk}/revoke/" in html
        assert f"/grants/{asked.pk}/revoke/" in html
        assert "live with main" in text_of(operator.get(f"/bots/{desk.bot.pk}/"))

    def test_back_to_paper_needs_a_stopped_bot(self, operator: Client, desk: LiveDesk) -> None:
        desk.go_live()
        Bot.objects.update(status=Bot.Status.RUNNING)

        refused = command(operator, f"/bots/{desk.bot.pk}/paper/")
        Bot.objects.update(status=Bot.Status.STOPPED)
        command(operator, f"/bots/{desk.bot.pk}/paper/", reason="enough")

        assert "It is running: stop it." in text_of(refused)
        assert "It trades on paper." in text_of(operator.get(page_of(desk)))

    def test_the_time_that_is_left_counts_down(self, operator: Client, desk: LiveDesk) -> None:
        grant = desk.go_live()
        assert f'<time-left datetime="{grant.expires_at.isoformat()}"' in body(
            operator.get(page_of(desk))
        )
        LiveGrant.objects.update(expires_at=desk.now - timedelta(seconds=1))
        assert "Expired" in text_of(operator.get("/live/"))


class TestOrder:
    ORDER = {"side": "BUY", "type": "MARKET", "qty": "0.001", "price": ""}

    def preview(self, client: Client, desk: LiveDesk, **changes: Any) -> Any:
        symbol = desk.bot.symbols.get().pk
        url = f"{page_of(desk)}order/"
        return client.post(url, {"symbol": symbol, **self.ORDER, **changes})

    def hidden(self, html: str) -> dict[str, str]:
        fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html)
        return {name: value for name, value in fields if name != "csrfmiddlewaretoken"}

    def test_the_preview_shows_the_request_and_sends_nothing(
        self, admin: Client, desk: LiveDesk
    ) -> None:
        desk.go_live()

        answer = self.preview(admin, desk)

        text = text_of(answer)
        assert answer.status_code == 200
        assert "POST /api/v3/order symbol BTCUSDT side BUY quantity 0.001" in text
        assert "Would be sent" in text
        assert not Order.objects.exists()
        assert ids_twice(body(answer)) == set()
        assert self.hidden(body(answer))["qty"] == "0.001"

    def test_what_is_denied_can_not_be_sent_from_there(self, admin: Client, desk: LiveDesk) -> None:
        desk.go_live()
        answer = self.preview(admin, desk, qty="0.1")
        assert "Would not be sent" in text_of(answer)
        assert "live-send" not in body(answer)

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"qty": "0"}, "More than 0."),
            ({"type": "LIMIT"}, "A limit order needs a price"),
            ({"price": "5"}, "a market order has none"),
            ({"qty": "NaN"}, "Enter a number."),
        ],
    )
    def test_a_wrong_field_keeps_what_was_typed(
        self, admin: Client, desk: LiveDesk, changes: dict[str, str], said: str
    ) -> None:
        desk.go_live()
        answer = self.preview(admin, desk, **changes)
        assert answer.status_code == 422
        assert said in text_of(answer)

    def test_it_is_sent_with_the_password_only(self, admin: Client, desk: LiveDesk) -> None:
        desk.go_live()
        Confirmation.objects.all().delete()
        given = self.hidden(body(self.preview(admin, desk)))

        answer = admin.post(f"{page_of(desk)}order/send/", {**given, "password": "guess"})

        assert answer.status_code == 422
        assert "This is not your password." in text_of(answer)
        assert self.hidden(body(answer))["key"] == given["key"]
        assert not Order.objects.exists()

    def test_it_says_how_much_can_be_sold(self, admin: Client, desk: LiveDesk) -> None:
        desk.go_live()
        assert "It holds nothing" in text_of(admin.get(f"{page_of(desk)}order/"))
        make_position(desk.bot, "0.0012345", "40000")
        text = text_of(admin.get(f"{page_of(desk)}order/"))
        assert "It holds 0.0012345 BTC; 0.00123 can be sold" in text

    def test_an_operator_sends_none(self, operator: Client, desk: LiveDesk) -> None:
        desk.go_live()
        assert operator.get(f"{page_of(desk)}order/").status_code == 403
        assert self.preview(operator, desk).status_code == 403

    def test_a_bot_on_paper_has_no_form(self, admin: Client, desk: LiveDesk) -> None:
        text = text_of(admin.get(f"{page_of(desk)}order/"))
        assert "Orders by hand with real money are for live bots." in text
