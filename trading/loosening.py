"""Which changes of limits let more be lost, for bots and accounts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from trading.knobs import Knobs

Compares = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """What bots may buy with an account; amounts in the quote asset, 0 and () allow nothing."""

    symbols: tuple[str, ...]
    max_order: Decimal
    max_exposure: Decimal


@dataclass(frozen=True, slots=True)
class Change:
    """One limit that is to be another; `before` and `after` as people read them."""

    name: str
    title: str
    unit: str
    before: str
    after: str
    looser: bool

    def __str__(self) -> str:
        return f"{self.before} -> {self.after}"


def _up(before: Any, after: Any) -> bool:
    return bool(after > before)


def _down(before: Any, after: Any) -> bool:
    return bool(after < before)


def _any(before: Any, after: Any) -> bool:
    """Neither of two ways to trade is the safer one."""
    return bool(before != after)


def _away_from(safest: str) -> Compares:
    """Only a change to `safest` is surely none for the worse."""
    return lambda before, after: bool(before != after and after != safest)


def _more(before: Any, after: Any) -> bool:
    return not set(after) <= set(before)


# What an entry is assumed to cost is held back from the cash and makes it smaller, live too.
# The maker's fee is asked by the paper market alone, so it loosens nothing. Of the policies
# after a failed stop only "flatten" ends the risk; each of the others gives up what the other has.
KNOBS: Mapping[str, tuple[str, Compares]] = {
    "position_mode": ("", _any),
    "max_exposure": ("of equity", _up),
    "max_position": ("of equity", _up),
    "max_daily_loss": ("of equity", _up),
    "max_drawdown": ("of equity", _up),
    "max_price_age_s": ("s", _up),
    "cooldown_candles": ("candles", _down),
    "protection": ("", _away_from("exchange")),
    "on_protection_failure": ("", _away_from("flatten")),
    "fee_maker_bps": ("bps", lambda before, after: False),
    "fee_taker_bps": ("bps", _down),
    "half_spread_bps": ("bps", _down),
    "slippage_bps": ("bps", _down),
    "volume_cap": ("of a candle's volume", _up),
}
ACCOUNT: Mapping[str, tuple[str, Compares]] = {
    "symbols": ("Symbols", _more),
    "max_order": ("Most in one order", _up),
    "max_exposure": ("Most in all", _up),
}


def knob_changes(before: Knobs, after: Knobs) -> list[Change]:
    """Each knob that differs, in the order of the form."""
    titles = {name: field.title or name for name, field in Knobs.model_fields.items()}
    return [
        _change(name, titles[name], unit, before, after, compares)
        for name, (unit, compares) in KNOBS.items()
        if getattr(before, name) != getattr(after, name)
    ]


def account_changes(before: AccountLimits, after: AccountLimits) -> list[Change]:
    """Each limit of an account that differs. An order of symbols is no difference."""
    quote = (after.symbols or before.symbols or ("",))[0].partition("/")[2]
    units = {"symbols": ""}
    return [
        _change(name, title, units.get(name, quote), before, after, compares)
        for name, (title, compares) in ACCOUNT.items()
        if _bare(getattr(before, name)) != _bare(getattr(after, name))
    ]


def plain_text(value: Any) -> str:
    """A limit as people type it: 0.50 is 0.5."""
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, Decimal | float):
        return f"{Decimal(str(value)).normalize():f}"
    return str(value)


def _bare(value: Any) -> Any:
    return set(value) if isinstance(value, tuple) else value


def _change(
    name: str, title: str, unit: str, before: Any, after: Any, compares: Compares
) -> Change:
    was, will = getattr(before, name), getattr(after, name)
    looser = compares(was, will)
    return Change(name, title, unit, plain_text(was), plain_text(will), looser)
