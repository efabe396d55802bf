"""What stands between a bot and real money; gathered here for its pages and for the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache, partial
from typing import Any

from django.conf import settings

from config import clock
from config.pages import whole_number
from trading import queries, services
from trading.knobs import Knobs
from trading.live_forms import (
    ApproveForm,
    AskOthersForm,
    GrantForm,
    KeyForm,
    LimitsForm,
    LiveOrderForm,
    SendForm,
)
from trading.models import Bot, ExchangeAccount, LiveGrant, Position
from trading.queries import Gate
from trading.services import Caps


@dataclass(frozen=True, slots=True)
class GoingLive:
    """A bot, the account it would trade with, the grant that stands, the request that waits for
    another person, and every gate."""

    bot: Bot
    account: ExchangeAccount | None
    grant: LiveGrant | None
    request: LiveGrant | None
    gates: list[Gate]

    @property
    def open(self) -> bool:
        return all(gate.ok for gate in self.gates)

    @property
    def closed(self) -> int:
        return sum(not gate.ok for gate in self.gates)


def going_live(
    bot_id: int, *, now: datetime, account_id: int | None = None, caps: Caps | None = None
) -> GoingLive:
    """What isn't given is taken from request, grant, bot, or the only account that fits."""
    bot = services.get_bot(bot_id)
    grant, request = queries.grant_of(bot, now), queries.request_of(bot, now)
    wanted = request or grant
    account = services.get_account(account_id) if account_id else _account(bot, wanted)
    if caps is None and wanted is not None and wanted.account == account:
        caps = Caps(wanted.max_order, wanted.max_exposure)
    gates = services.checklist(bot=bot, account=account, caps=caps, now=now)
    return GoingLive(bot, account, grant, request, gates)


def _account(bot: Bot, grant: LiveGrant | None) -> ExchangeAccount | None:
    if grant is not None:
        return grant.account
    if bot.account is not None:
        return bot.account
    exchanges = bot.symbols.values("exchange")
    fitting = queries.accounts().filter(exchange__in=exchanges)[:2]
    return fitting[0] if len(fitting) == 1 else None


def live_context() -> dict[str, Any]:
    """The page of everything live: who waits, who may, what was."""
    now = clock.now()
    open_ = list(queries.grants().filter(revoked_at=None, expires_at__gt=now))
    ended = queries.grants().exclude(pk__in=[grant.pk for grant in open_])[:50]
    standing = {grant.bot_id: grant for grant in open_ if grant.approved_at is not None}
    return {
        "now": now,
        "live_mode": settings.ENV.trading_live_mode,
        "asked": [grant for grant in open_ if grant.approved_at is None],
        "ended": [_ended(grant, now) for grant in ended],
        "live_rows": [(bot, standing.get(bot.pk)) for bot in _bots(paper_mode=False)],
        "paper_bots": cache(partial(_bots, paper_mode=True)),
    }


def _bots(*, paper_mode: bool) -> list[Bot]:
    rows = queries.bots_for_list().select_related("account").filter(paper_mode=paper_mode)
    return list(rows.exclude(source=Bot.Source.REPLAY).order_by("name"))


def _ended(grant: LiveGrant, now: datetime) -> tuple[LiveGrant, str]:
    return grant, grant.state_at(now)


def accounts_context() -> dict[str, Any]:
    """The list: each account with why nothing is bought with it now."""
    now = clock.now()
    return {
        "now": now,
        "rows": [(each, queries.account_reasons(each, now)) for each in queries.accounts()],
    }


def account_context(account_id: int) -> dict[str, Any]:
    """One account with what may be changed on it."""
    account, now = services.get_account(account_id), clock.now()
    return {
        "account": account,
        "reasons": queries.account_reasons(account, now),
        "limits_form": LimitsForm.of(account),
        "key_form": KeyForm(),
        "live_bots": list(account.bots.filter(paper_mode=False)),
        "limits_need": cache(services.limits_need),
    }


def looser_account_context(
    account_id: int, form: LimitsForm, ask_form: AskOthersForm | None = None
) -> dict[str, Any]:
    """An account with what a valid form would loosen, and the way to ask others for it."""
    account = services.get_account(account_id)
    return {
        **account_context(account_id),
        "limits_form": form,
        "weighed": services.weigh_account(account=account, limits=form.cleaned_data),
        "wanted_form": LimitsForm(form.data, auto_id="wanted_%s"),
        "ask_form": ask_form or AskOthersForm(auto_id="ask_%s"),
    }


def bot_live_context(bot_id: int, user_id: int, params: Mapping[str, str]) -> dict[str, Any]:
    """A bot's way to real money and back, for the person who looks."""
    now = clock.now()
    account_id = whole_number(params, "account")
    found = going_live(bot_id, now=now, account_id=account_id, caps=_caps(params))
    bot, asked = found.bot, found.request
    account = found.account.pk if found.account else None
    return {
        "now": now,
        "found": found,
        "bot": bot,
        "knobs": Knobs.model_validate(bot.knobs),
        "symbols": list(bot.symbols.order_by("botsymbol__rank")),
        "grant": found.grant,
        "asked": asked,
        "own": asked is not None and asked.asked_by_id == user_id,
        "live_mode": settings.ENV.trading_live_mode,
        "may_ask": bool(queries.accounts().filter(exchange__in=bot.symbols.values("exchange"))),
        "ask_form": GrantForm(bot, initial={"account": account, **_wanted(asked or found.grant)}),
        "approve_form": ApproveForm(initial={"digest": asked.subject_digest if asked else ""}),
        "history": cache(lambda: [_ended(each, now) for each in queries.grants(bot.pk)[:50]]),
    }


def live_order_context(
    bot_id: int, form: LiveOrderForm | None = None, **more: Any
) -> dict[str, Any]:
    """An order by hand: what is wanted, and perhaps what would be sent."""
    bot = services.get_bot(bot_id)
    return {
        "bot": bot,
        "form": form or LiveOrderForm(bot, initial={"side": "SELL"}),
        "grant": queries.grant_of(bot, clock.now()),
        "held": [(row, row.qty - row.qty % row.symbol.qty_step) for row in _held(bot)],
        **more,
    }


def _held(bot: Bot) -> list[Position]:
    return [row for row in bot.positions.select_related("symbol") if row.qty]


def wanted_of(bot_id: int, form: LiveOrderForm | SendForm) -> services.Wanted:
    """The order in a valid form."""
    names = ("symbol", "side", "type", "qty", "price")
    return services.Wanted(bot_id=bot_id, **{name: form.cleaned_data[name] for name in names})


def _wanted(grant: LiveGrant | None) -> dict[str, Any]:
    """A new request begins with what the last one had."""
    if grant is None:
        return {}
    return {"max_order": grant.max_order, "max_exposure": grant.max_exposure, "hours": grant.hours}


def _caps(params: Mapping[str, str]) -> Caps | None:
    try:
        order, exposure = (Decimal(params.get(name, "")) for name in ("max_order", "max_exposure"))
    except InvalidOperation:
        return None
    return Caps(order, exposure) if order.is_finite() and exposure.is_finite() else None
