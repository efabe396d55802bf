"""Looser limits on pages: refused with a table, asked for in the same place, decided elsewhere."""

from __future__ import annotations

from decimal import Decimal as D
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from approvals.models import Approval
from tests.approvals.asking import make_approver
from tests.console.pages import body, command, text_of
from tests.trading.live_desk import LiveDesk, make_live_desk
from trading import services
from trading.models import Bot, ExchangeAccount, PortfolioSnapshot

PASSWORD = "secret"


@pytest.fixture
def desk(db: None, clean_bus: None, settings: Settings) -> LiveDesk:
    cache.clear()
    made = make_live_desk(settings)
    knobs = {"max_exposure": "0.5", "cooldown_candles": 3}
    services.set_knobs(bot_id=made.bot.pk, knobs=knobs, by=made.asker, now=made.now)
    made.go_live()
    return made


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


@pytest.fixture
def carl(desk: LiveDesk) -> Client:
    """Another administrator."""
    user = make_approver("carl")
    user.set_password(PASSWORD)
    user.save()
    return browser(user)


def hold(desk: LiveDesk) -> None:
    """Positions worth 300 of an equity of 800."""
    PortfolioSnapshot.objects.create(
        bot=desk.bot,
        equity=D(800),
        cash=D(500),
        positions_value=D(300),
        drawdown=0.0,
        at=desk.at(seconds=1),
    )


class Fields(HTMLParser):
    """The hidden fields of the form that asks."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.ids: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "input" and found.get("id", "").startswith("wanted_"):
            self.values[found["name"]] = found.get("value", "")


def knobs_of(desk: LiveDesk, **changes: Any) -> dict[str, Any]:
    knobs = {**Bot.objects.get(pk=desk.bot.pk).knobs, **changes}
    return {f"knobs-{name}": value for name, value in knobs.items()}


def save(client: Client, desk: LiveDesk, **changes: Any) -> Any:
    return command(client, f"/bots/{desk.bot.pk}/knobs/", **knobs_of(desk, **changes))


def settings_of(client: Client, desk: LiveDesk) -> str:
    return text_of(client.get(f"/bots/{desk.bot.pk}/?tab=settings"))


def test_a_refused_form_shows_what_is_looser_and_asks_with_what_was_typed(
    operator: Client, desk: LiveDesk
) -> None:
    refused = save(operator, desk, max_exposure="0.9", max_daily_loss="0.01")
    text, fields = text_of(refused), Fields(body(refused))

    assert refused.status_code == 409
    assert "Maximum exposure of equity 0.5 0.9" in text
    assert "daily loss limit 0.1 to 0.01 of equity: not looser" in text
    assert "Ask 1 other person" in text
    assert len(fields.ids) == len(set(fields.ids))
    assert fields.values["knobs-max_exposure"] == "0.9"

    url = f"/bots/{desk.bot.pk}/limits/ask/"
    asked = command(operator, url, reason="Two good weeks.", **fields.values)
    row = Approval.objects.get()
    assert asked["HX-Redirect"] == f"/approvals/{row.pk}/"
    assert {each["param"] for each in row.subject["diff"]} == {"max_exposure", "max_daily_loss"}
    assert Bot.objects.get(pk=desk.bot.pk).knobs["max_exposure"] == "0.5"
    page = settings_of(operator, desk)
    assert "Looser limits wait for people" in page
    assert "maximum exposure 0.5 to 0.9 of equity" in page


def test_what_is_tighter_is_saved_at_once_and_the_page_says_the_rule(
    operator: Client, desk: LiveDesk
) -> None:
    assert "looser ones need 1 other person" in settings_of(operator, desk)

    assert save(operator, desk, max_exposure="0.2").status_code == 200
    assert Bot.objects.get(pk=desk.bot.pk).knobs["max_exposure"] == "0.2"


def test_without_htmx_the_whole_page_says_it(operator: Client, desk: LiveDesk) -> None:
    answer = operator.post(f"/bots/{desk.bot.pk}/knobs/", knobs_of(desk, max_exposure="0.9"))

    assert answer.status_code == 409
    assert "Nothing was changed: this is looser" in text_of(answer)
    assert "<html" in body(answer)


def test_without_a_reason_what_was_typed_stays(operator: Client, desk: LiveDesk) -> None:
    given = knobs_of(desk, max_exposure="0.9")
    url = f"/bots/{desk.bot.pk}/limits/ask/"

    answer = command(operator, url, reason=" ", **given)
    assert answer.status_code == 422
    assert "This field is required." in text_of(answer)
    assert Fields(body(answer)).values["knobs-max_exposure"] == "0.9"
    wrong = command(operator, url, reason="why not", **{**given, "knobs-max_exposure": "7"})
    assert wrong.status_code == 422
    not_looser = command(operator, url, reason="why not", **knobs_of(desk, max_exposure="0.1"))
    assert "Nobody needs to agree to this: change it at once." in text_of(not_looser)
    assert not Approval.objects.exists()


def test_the_request_shows_what_it_would_allow_and_another_person_decides(
    operator: Client, admin: Client, desk: LiveDesk
) -> None:
    hold(desk)
    command(
        operator,
        f"/bots/{desk.bot.pk}/limits/ask/",
        reason="<b>Two</b> good weeks.",
        **knobs_of(desk, max_exposure="0.9", max_position="0.5"),
    )
    row = Approval.objects.get()
    page = text_of(admin.get(f"/approvals/{row.pk}/"))

    assert f"Looser limits of {desk.bot.name}" in page
    assert "Maximum exposure of equity 0.5 0.9 looser" in page
    assert "Maximum position of equity 1 0.5 not looser" in page
    assert "Positions worth 300.00 USDT of an equity of 800.00 USDT" in page
    assert "400.00 to 720.00 USDT" in page
    assert "Its grant allows 500 USDT in one order and 800 USDT in all" in page
    assert "somebody else must decide" not in page
    queue = text_of(admin.get("/approvals/"))
    assert "Looser limits of real money: &lt;b&gt;Two" in queue
    assert 'title="Wait for your decision">1<' in body(admin.get("/bots/"))
    assert "Wait for your decision" not in body(operator.get("/bots/"))
    refused = command(admin, f"/approvals/{row.pk}/approve/", digest=row.digest, password="wrong")
    assert refused.status_code == 422

    done = command(admin, f"/approvals/{row.pk}/approve/", digest=row.digest, password=PASSWORD)
    assert done["HX-Redirect"] == f"/approvals/{row.pk}/"
    assert Bot.objects.get(pk=desk.bot.pk).knobs["max_exposure"] == "0.9"
    assert "Used" in text_of(admin.get(f"/approvals/{row.pk}/"))
    assert "wait for people" not in settings_of(operator, desk)


def test_a_request_about_other_limits_than_those_of_now_says_so(
    operator: Client, admin: Client, desk: LiveDesk
) -> None:
    given = knobs_of(desk, max_exposure="0.9")
    command(operator, f"/bots/{desk.bot.pk}/limits/ask/", reason="Two good weeks.", **given)
    save(operator, desk, max_position="0.3")
    row = Approval.objects.get()

    page = text_of(admin.get(f"/approvals/{row.pk}/"))
    assert "Limits that were changed since: max position." in page
    assert "ask anew" in page
    refused = command(admin, f"/approvals/{row.pk}/approve/", digest=row.digest, password=PASSWORD)
    assert refused.status_code == 409


def limits_of(desk: LiveDesk, **changes: str) -> dict[str, str]:
    account = ExchangeAccount.objects.get(pk=desk.account.pk)
    return {
        "symbols": ", ".join(account.symbols),
        "max_order": f"{account.max_order:f}",
        "max_exposure": f"{account.max_exposure:f}",
        **changes,
    }


def test_an_accounts_limits_go_the_same_way(admin: Client, carl: Client, desk: LiveDesk) -> None:
    hold(desk)
    page = f"/exchange-accounts/{desk.account.pk}/"
    refused = command(
        admin, f"{page}limits/", **limits_of(desk, symbols="BTC/USDT, SOL/USDT", max_order="1")
    )
    fields = Fields(body(refused))

    assert refused.status_code == 409
    assert "Symbols BTC/USDT" in text_of(refused)
    asked = command(admin, f"{page}limits/ask/", reason="It is liquid.", **fields.values)
    row = Approval.objects.get()
    assert asked["HX-Redirect"] == f"/approvals/{row.pk}/"
    assert "Looser limits wait for people" in text_of(admin.get(page))
    own = text_of(admin.get(f"/approvals/{row.pk}/"))
    assert "You asked for it: somebody else must decide." in own

    seen = text_of(carl.get(f"/approvals/{row.pk}/"))
    assert "of the account main" in seen
    assert "Positions of live bots 300.00 USDT" in seen
    command(carl, f"/approvals/{row.pk}/approve/", digest=row.digest, password=PASSWORD)
    assert ExchangeAccount.objects.get(pk=desk.account.pk).symbols == ["BTC/USDT", "SOL/USDT"]


def test_an_accounts_form_without_a_reason_or_with_rubbish_asks_nobody(
    admin: Client, desk: LiveDesk
) -> None:
    url = f"/exchange-accounts/{desk.account.pk}/limits/ask/"

    assert command(admin, url, reason="", **limits_of(desk, max_order="9")).status_code == 422
    assert command(admin, url, reason="why not", symbols="BTC/USDT").status_code == 422
    rubbish = limits_of(desk, symbols="BTC USDT; DROP")
    assert command(admin, url, reason="why not", **rubbish).status_code == 422
    not_looser = command(admin, url, reason="why not", **limits_of(desk, max_order="1"))
    assert "Nobody needs to agree to this" in text_of(not_looser)
    assert not Approval.objects.exists()


def test_an_operator_may_not_ask_for_an_account(operator: Client, desk: LiveDesk) -> None:
    url = f"/exchange-accounts/{desk.account.pk}/limits/ask/"

    assert command(operator, url, reason="why not", **limits_of(desk)).status_code == 403


def test_the_policies_page_says_what_the_number_means_and_keeps_it_while_live(
    admin: Client, desk: LiveDesk
) -> None:
    page = text_of(admin.get("/approvals/policies/"))
    assert "Looser limits of real money" in page
    assert "nobody else: whoever may set them, alone" in page

    refused = admin.post(
        "/approvals/policies/LIMITS/", {"LIMITS-deadline_min": "60", "LIMITS-approvers": "0"}
    )
    assert refused.status_code == 422
    assert "Not fewer people while a bot is live" in text_of(refused)
    assert services.limits_need() == 1
