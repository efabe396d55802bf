"""What the pages of one bot show; gathered here so that the views stay doors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet

from config import clock
from marketdata import queries as marketdata_queries
from marketdata.charts import chart_indicators, decimals
from marketdata.indicators import Spec
from marketdata.models import Symbol
from marketdata.timeframes import Timeframe
from strategies import queries as strategy_queries
from strategies import registry
from strategies.forms import ModelForm
from trading import queries, services
from trading.bot_wizard import BotWizard
from trading.drift_picture import Step, waterfall
from trading.errors import BotUnknown
from trading.filters import DecisionFilter
from trading.forms import KnobsForm, NameForm, knobs_initial
from trading.live_forms import AskOthersForm
from trading.models import Bot, Job

DETAIL_PARTS = ("bot-head", "bot-figures", "bot-side", "bot-tab")
TABS = {
    "decisions": "Decisions",
    "orders": "Orders",
    "fills": "Fills",
    "trades": "Trades",
    "performance": "Performance",
    "drift": "Drift",
    "settings": "Settings",
}
ROWS = 25

Header = tuple[str, ...]
Row = tuple[object, ...]


def bot_context(bot_id: int, params: Mapping[str, str]) -> dict[str, Any]:
    """Everything of one bot, read only as far as the template asks for it."""
    card = queries.bot_card(bot_id)
    if card is None:
        raise BotUnknown(f"There is no bot {bot_id}.")
    bot = card.bot
    symbols = list(bot.symbols.order_by("botsymbol__rank"))
    symbol = next((one for one in symbols if str(one.pk) == params.get("symbol")), symbols[0])
    tab = params.get("tab", "")
    return {
        "card": card,
        "bot": bot,
        "symbols": symbols,
        "symbol": symbol,
        "places": decimals(symbol),
        "timeframe": Timeframe(bot.timeframe),
        "indicators": cache(partial(_indicators, bot, symbol)),
        **_held(bot_id),
        "round_trips": cache(partial(_trade_figures, bot)),
        "performance": cache(partial(queries.performance, bot_id)),
        "drift": cache(partial(queries.drift_of, bot_id)),
        "waterfall": cache(partial(_waterfall, bot_id)),
        "grant": cache(partial(queries.grant_of, bot, clock.now())),
        "job": cache(partial(_newest_job, bot)),
        "tab": tab if tab in TABS else "decisions",
        "tabs": TABS,
        "decision_filter": DecisionFilter(params),
        "rows": cache(partial(_rows, bot, tab, params)),
        "params": cache(partial(_params, bot)),
        **_settings(bot),
    }


def _settings(bot: Bot) -> dict[str, Any]:
    return {
        "knobs_form": KnobsForm(initial=knobs_initial(bot.knobs), prefix="knobs"),
        "name_form": NameForm(initial={"name": bot.name}),
        "limits_need": cache(services.limits_need),
    }


def looser_context(
    bot_id: int, form: ModelForm, ask_form: AskOthersForm | None = None
) -> dict[str, Any]:
    """The settings with what a valid form would loosen, and the way to ask others for it."""
    weighed = services.weigh_knobs(bot=services.get_bot(bot_id), knobs=form.cleaned_data)
    return {
        **bot_context(bot_id, {"tab": "settings"}),
        "knobs_form": form,
        "weighed": weighed,
        "wanted_form": KnobsForm(form.data, prefix=form.prefix, auto_id="wanted_%s"),
        "ask_form": ask_form or AskOthersForm(auto_id="ask_%s"),
    }


def _held(bot_id: int) -> dict[str, Any]:
    """What it holds, and what stands between that and a falling price."""
    return {
        "positions": cache(partial(queries.positions_now, bot_id)),
        "protections": cache(partial(queries.protections, bot_id)),
    }


def review_context(wizard: BotWizard) -> dict[str, Any]:
    """What a bot would be, and what it would lack to start."""
    strategy = registry.get(wizard.strategy_name)
    market = wizard.forms["market"].cleaned_data
    source = wizard.forms["source"].cleaned_data
    timeframe = Timeframe(market["timeframe"])
    needed = strategy.warmup(strategy.validated(wizard.params))
    now_ms = clock.now_ms()
    replay = source["source"] == "replay"
    states = [
        marketdata_queries.warmup_state(symbol, timeframe, needed, now_ms)
        for symbol in (() if replay else wizard.symbols)
    ]
    return {
        "strategy": strategy,
        "params": wizard.rows("params"),
        "knobs": wizard.rows("knobs"),
        "market": market,
        "source": source,
        "replay": replay,
        "warmup": needed,
        "missing": [reason for state in states for reason in state.reasons],
    }


def _waterfall(bot_id: int) -> list[Step]:
    drift = queries.drift_of(bot_id)
    if drift is None:
        return []
    parts = {"Price": drift.price, "Fee": drift.fee, "Missed": drift.missed}
    return waterfall({**parts, "Timing": drift.timing}, total="Gap")


def bot_export(bot_id: int, what: str) -> tuple[Header, Iterable[Row]]:
    """(header, rows) of a bot's decisions, fills or trades, oldest first."""
    if what == "decisions":
        return _columns(
            queries.decisions(bot_id).order_by("candle_close_ms", "id"),
            ("candle_close_ms", "symbol__name", "action", "reason", "detail", "target", "price"),
        )
    if what == "fills":
        return _columns(
            queries.fills().filter(bot_id=bot_id).order_by("at", "id"),
            ("at", "symbol__name", "side", "qty", "price", "fee", "fee_asset", "liquidity"),
        )
    return _columns(
        queries.trades().filter(bot_id=bot_id).order_by("opened_at", "id"),
        (
            "opened_at",
            "closed_at",
            "symbol__name",
            "status",
            "qty",
            "entry_price",
            "exit_price",
            "fees",
            "pnl",
            "entry_reason",
            "exit_reason",
        ),
    )


def _columns(rows: QuerySet[Any], names: Header) -> tuple[Header, Iterable[Row]]:
    header = tuple(name.replace("__name", "") for name in names)
    return header, rows.values_list(*names).iterator(chunk_size=2000)


def _rows(bot: Bot, tab: str, params: Mapping[str, str]) -> Any:
    rows: dict[str, QuerySet[Any]] = {
        "orders": queries.orders().filter(bot=bot),
        "fills": queries.fills().filter(bot=bot),
        "trades": queries.trades().filter(bot=bot),
    }
    decisions = DecisionFilter(params).narrow(queries.decisions(bot.pk))
    return Paginator(rows.get(tab, decisions), ROWS).get_page(params.get("page"))


def _indicators(bot: Bot, symbol: Symbol) -> Any:
    strategy = registry.get(bot.version.strategy.name)
    overlays = strategy.overlays(strategy_queries.params_of(bot.version))
    specs = [Spec.of(overlay.name, overlay.params) for overlay in overlays]
    return chart_indicators(symbol, Timeframe(bot.timeframe), specs)


def _params(bot: Bot) -> list[dict[str, Any]]:
    """The version's parameters with the titles and units of the form."""
    properties = registry.get(bot.version.strategy.name).schema()["properties"]
    return [
        {"value": value, **{"title": name, **properties.get(name, {})}}
        for name, value in bot.version.params.items()
    ]


def _newest_job(bot: Bot) -> Job | None:
    return queries.jobs().filter(bot=bot).first()


def _trade_figures(bot: Bot) -> dict[str, Any]:
    closed = list(queries.trades().filter(bot=bot, status="CLOSED").values_list("pnl", flat=True))
    won = sum(1 for pnl in closed if pnl is not None and pnl > 0)
    return {"closed": len(closed), "won": won, "share": won / len(closed) if closed else None}
