"""What bots would do at their newest closed candle if another version became active. Reads only.

The same steps as a cycle's: targets, decision, sizes, risk rules; only that no order is made. What
a quote knows that came since the close, and how much of an order a market takes, is left out.
"""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal

from config import clock
from config.refusals import Refusal
from strategies.models import StrategyVersion
from trading import costs, positions
from trading.decisions import Wanted
from trading.knobs import Knobs
from trading.models import Bot
from trading.outlook import BotOutlook, Held, Seen, Wish, exposure_of, side_by_side
from trading.risk import Denial
from trading.services import _tape
from trading.services._books import Books, Lane
from trading.services._steps import sized_of, wanted_of
from trading.services._tape import Step, exact

MOST_BOTS = 50


def outlook_of(
    *, candidate: StrategyVersion, active: StrategyVersion, now: datetime, budget_s: float = 10.0
) -> list[BotOutlook]:
    """One for each bot that would take the candidate, as their books and candles are now.

    A bot for which the time doesn't suffice says so.
    """
    deadline = clock.mono() + budget_s
    bots = Bot.objects.filter(
        version__strategy=candidate.strategy_id, follows_active=True, paper_mode=True
    )
    takers = bots.exclude(version=candidate).exclude(source=Bot.Source.REPLAY).order_by("pk")
    told = []
    for bot in takers.select_related("version__strategy").prefetch_related("symbols")[:MOST_BOTS]:
        if clock.mono() >= deadline:
            told.append(_unknown(bot, "There was no time to look at it."))
        else:
            told.append(_outlook(bot, candidate, active, now))
    return told


def _outlook(
    bot: Bot, candidate: StrategyVersion, active: StrategyVersion, now: datetime
) -> BotOutlook:
    try:
        before = _seen(bot.pk, active, now)
        after = _seen(bot.pk, candidate, now)
    except Refusal as refusal:  # candles that are missing, parameters that the code doesn't know
        return _unknown(bot, refusal.detail)
    if before is None or after is None:
        return _unknown(bot, "No closed candle of one of its symbols is stored.")
    knobs = Knobs.model_validate(bot.knobs)
    return BotOutlook(
        bot=bot.pk,
        quote=_quote_of(bot),
        equity=before.equity,
        exposure=exposure_of((each.value for each in before.held), before.equity),
        exposure_active=_after(before),
        exposure_candidate=_after(after),
        max_exposure=knobs.max_exposure,
        max_position=knobs.max_position,
        symbols=tuple(side_by_side(before, after)),
    )


def _after(seen: Seen) -> Decimal | None:
    return exposure_of((wish.value_after for wish in seen.wishes), seen.equity_after)


def _unknown(bot: Bot, why: str) -> BotOutlook:
    knobs = Knobs.model_validate(bot.knobs)
    return BotOutlook(
        bot=bot.pk,
        quote=_quote_of(bot),
        equity=None,
        exposure=None,
        exposure_active=None,
        exposure_candidate=None,
        max_exposure=knobs.max_exposure,
        max_position=knobs.max_position,
        missing=why,
    )


def _quote_of(bot: Bot) -> str:
    return next((symbol.quote for symbol in bot.symbols.all()), "")


def _seen(bot_id: int, version: StrategyVersion, now: datetime) -> Seen | None:
    """The books of one bot through one version's eyes; None where a symbol has no candle."""
    bot = Bot.objects.select_related("version__strategy").get(pk=bot_id)
    bot.version = version  # in memory only
    books = Books.open(bot)
    found = [_tape.newest(books, lane) for lane in books.lanes]
    steps = [step for step in found if step is not None]
    if len(steps) < len(found):
        return None
    # All prices first: what one lane decides depends on the equity in all.
    for step in steps:
        step.lane.last_price = exact(step.bars.close[step.index])
    equity = books.equity
    held = tuple(_held(step) for step in steps)
    wishes = [_wish(books, step, now) for step in steps]
    return Seen(equity, books.equity, held, tuple(wishes))


def _held(step: Step) -> Held:
    lane, symbol = step.lane, step.lane.symbol
    qty, price = lane.holding.qty, lane.last_price
    return Held(symbol.name, symbol.base, step.close_ms, price, qty, lane.value)


def _wish(books: Books, step: Step, now: datetime) -> Wish:
    """One symbol's; an order that would follow is booked in memory, as the next lane finds it."""
    lane, equity = step.lane, books.equity
    wanted = wanted_of(books, step)
    known = step.warm and not math.isnan(step.target)
    qty, denial = Decimal(0), None
    if wanted.side is not None:
        qty, denial = sized_of(books, step, wanted, 0.0, now)
    fill = _filled(books, lane, wanted, qty) if wanted.side and not denial else None
    if fill is not None:
        lane.holding = positions.apply_fill(lane.holding, fill)
        books.bot.cash += fill.cash_change
    return Wish(
        target=step.target if known else None,
        wanted=Decimal(str(step.target)) * equity / len(books.lanes) if known else None,
        side=wanted.side or "",
        reason=_code(wanted, denial),
        denied=denial is not None,
        qty=fill.qty if fill else None,
        worth=fill.qty * fill.price if fill else None,
        fee=fill.fee if fill else None,
        value_after=lane.value,
    )


def _code(wanted: Wanted, denial: Denial | None) -> str:
    return (denial or wanted.reason).value


def _filled(books: Books, lane: Lane, wanted: Wanted, qty: Decimal) -> positions.Filled:
    """As a taker would fill it at once, where no quote is known."""
    terms, tick = books.terms, lane.filters.price_tick
    buy = wanted.side == "BUY"
    slip = terms.half_spread_bps + terms.slippage_bps
    price = (costs.buy_price if buy else costs.sell_price)(lane.last_price, slip, tick)
    fee = costs.fee(qty=qty, price=price, bps=terms.fee_taker_bps)
    return positions.Filled(buy, qty, price, fee)
