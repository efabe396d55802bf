"""Texts as a model writes them, with numbers that are true of the facts and with planted ones."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from approvals.advisor.claims import FRACTION, SECONDS, Fact

FACTS = (
    Fact("total_return", Decimal("-0.034217"), FRACTION, ("return", "loss"), gain=True),
    Fact("sharpe", Decimal("-0.412345"), words=("sharpe ratio", "sharpe")),
    Fact("max_drawdown", Decimal("0.183456"), FRACTION, ("drawdown",), magnitude=True),
    Fact("win_rate", Decimal("0.375"), FRACTION, ("win rate", "winning trades")),
    Fact("trades", Decimal(48), words=("trades", "round trips")),
    Fact("profit_factor", Decimal("0.8731"), words=("profit factor",)),
    Fact("fees", Decimal("127.43"), "quote", ("fees",)),
    Fact("slippage_bps", Decimal("7.6"), "bps", ("slippage",)),
    Fact("holding_s", Decimal(19_800), SECONDS, ("holding", "held")),
    Fact("loss_streak", Decimal(6), words=("losing streak", "losses in a row")),
    Fact("params.fast", Decimal(12), "bars", ("fast",)),
    Fact("params.slow", Decimal(26), "bars", ("slow",)),
    Fact("params.buffer", Decimal("1.0"), "ATR", ("buffer",)),
    Fact("params.stop_loss", Decimal("0.05"), FRACTION, ("stop loss", "stop")),
    Fact("deltas.fast", Decimal(14), "bars", ("fast",)),
    Fact("deltas.buffer", Decimal("1.2"), "ATR", ("buffer",)),
)
BY_KEY = {fact.key: fact for fact in FACTS}


@dataclass(frozen=True, slots=True)
class Form:
    """A sentence about a fact; `factor` turns the stored value into what the sentence counts in."""

    key: str
    text: str
    factor: Decimal = Decimal(1)
    places: int = 0
    magnitude: bool = False  # the sentence says the sign in words


_PERCENT = Decimal(100)
FORMS = (
    Form("total_return", "The total return was {}% over the period.", _PERCENT, 2),
    Form("total_return", "The strategy lost money: a loss of {} percent.", _PERCENT, 1, True),
    Form("total_return", "Return of {} bps after costs.", Decimal(10_000), 0),
    Form("sharpe", "The Sharpe ratio of {} shows no edge.", places=2),
    Form("sharpe", "Sharpe fell to {}, which is poor.", places=3),
    Form("max_drawdown", "Maximum drawdown reached {}%.", _PERCENT, 1),
    Form("max_drawdown", "A drawdown of {} of the equity is too deep.", places=3),
    Form("win_rate", "With a win rate of {}% most entries fail.", _PERCENT, 1),
    Form("win_rate", "Only {} percent winning trades.", _PERCENT, 1),
    Form("trades", "There were {} trades in the sample."),
    Form("trades", "Over {} round trips the pattern is stable."),
    Form("profit_factor", "The profit factor is {}.", places=2),
    Form("fees", "Fees of {} ate most of it.", places=2),
    Form("slippage_bps", "Slippage averages {} bps a fill.", places=1),
    Form("slippage_bps", "Slippage costs {}% each time.", Decimal("0.01"), 3),
    Form("holding_s", "Positions are held for {} hours on average.", 1 / Decimal(3600), 1),
    Form("holding_s", "The average holding is {} minutes.", 1 / Decimal(60)),
    Form("loss_streak", "The longest losing streak is {}."),
    Form("params.fast", "The fast period of {} bars reacts to noise."),
    Form("params.slow", "Against a slow average of {} bars it whipsaws."),
    Form("params.stop_loss", "The stop loss of {}% is kept.", _PERCENT, 1),
    Form("deltas.buffer", "Raising the buffer to {} ATR filters chop.", places=1),
)


def true_text(form: Form) -> str:
    """The sentence with the stored value, rounded as people round."""
    return form.text.format(_written(form, _value(form)))


def false_text(form: Form, dice: random.Random) -> str:
    """The sentence with a number that no rounding makes true: off by 4 to 90 % or in sign."""
    value = _value(form)
    unit = Decimal(1).scaleb(-form.places)
    way = dice.choice(["up", "down", "sign", "far"])
    if way == "sign" and not form.magnitude and not BY_KEY[form.key].magnitude and value < 0:
        return form.text.format(_written(form, -value))
    share = Decimal(str(dice.uniform(0.04, 0.9) if way != "far" else dice.uniform(2, 20)))
    moved = max(abs(value) * share, 3 * unit)
    wrong = abs(value) - moved if way == "down" and abs(value) > moved else abs(value) + moved
    return form.text.format(_written(form, wrong.copy_sign(value)))


def _value(form: Form) -> Decimal:
    value = BY_KEY[form.key].value * form.factor
    return abs(value) if form.magnitude else value


def _written(form: Form, value: Decimal) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-form.places), ROUND_HALF_UP)
    return f"{rounded:,f}"
