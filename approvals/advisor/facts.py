"""Data that a reviewer was given as facts that its numbers can be held against. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from approvals.advisor.claims import FRACTION, PLAIN, SECONDS, Claim, Fact, check
from approvals.advisor.gate import Delta, relative

DIGITS = 6  # significant ones of what a prompt shows

# How texts speak of metrics; others go by their title.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "total_return": ("total return", "return", "returns", "gain", "profit", "loss", "lost", "made"),
    "annual_return": ("annual return", "annualised return", "annualized return", "yearly return"),
    "cagr": ("cagr", "growth rate"),
    "sharpe": ("sharpe ratio", "sharpe"),
    "sortino": ("sortino ratio", "sortino"),
    "calmar": ("calmar ratio", "calmar"),
    "omega": ("omega ratio", "omega"),
    "max_drawdown": ("maximum drawdown", "max drawdown", "drawdown"),
    "avg_drawdown": ("average drawdown",),
    "win_rate": ("win rate", "winning trades", "hit rate", "wins", "winners"),
    "profit_factor": ("profit factor",),
    "payoff": ("payoff ratio", "payoff"),
    "expectancy": ("expectancy",),
    "trades": ("trades", "round trips", "entries"),
    "volatility": ("volatility",),
    "exposure": ("exposure", "in the market"),
    "turnover": ("turnover",),
    "fees": ("fees",),
    "slippage": ("slippage",),
    "holding_s": ("holding time", "holding", "held"),
    "win_streak": ("winning streak",),
    "loss_streak": ("losing streak", "losses in a row"),
    "composite": ("composite score", "composite"),
    "benchmark_return": ("buy and hold", "benchmark"),
}
_GAINS = {"total_return", "annual_return", "cagr", "twr", "mwr", "expectancy", "worst_trade"}


def short(value: float) -> float:
    """As a prompt shows it."""
    return float(f"{value:.{DIGITS}g}")


def facts_of(data: Mapping[str, Any], deltas: Sequence[Delta] = ()) -> list[Fact]:
    """Every number of a review's data, and what follows from the suggested steps."""
    made = [*_metrics("metrics", data.get("metrics", {}))]
    for number, earlier in enumerate(data.get("rounds", []), start=1):
        made += _metrics(f"rounds.{number}", earlier.get("metrics", {}))
    made += _params(data.get("params", []))
    words = {one["name"]: _param_words(one) for one in data.get("params", [])}
    units = {one["name"]: str(one.get("unit", "")) for one in data.get("params", [])}
    for delta in deltas:
        made += _steps(delta, words.get(delta.param, ()), _unit(units.get(delta.param, "")))
    made += _stretch(data.get("stretch", {}))
    made += _plain_numbers("trades", data.get("trades", {}), ("trades", "exits", "exit"))
    made += _plain_numbers("live", data.get("live", {}), ("live", "paper", "trades", "pnl"))
    made += _plain_numbers("indicators", data.get("indicators", {}), ())
    for number, finding in enumerate(data.get("findings", [])):
        made.append(_fact(f"findings.{number}", finding["score"], PLAIN, ("score", "finding")))
    return made


def tokens_of(data: Mapping[str, Any]) -> list[str]:
    """Texts of ours that hold digits and claim nothing."""
    stretch = data.get("stretch", {})
    version = data.get("strategy", {}).get("base_version", "")
    dates = [stretch.get("from", ""), stretch.get("to", "")]
    names = [*dates, stretch.get("timeframe", ""), f"version {version}", f"v{version}"]
    return [name for name in names if name]


def checked(texts: Mapping[str, str], facts: Sequence[Fact], tokens: Sequence[str]) -> list[Any]:
    """Claims of each text as rows: field, text, start, end, by ("" is unsupported)."""
    return [
        _row(field, claim)
        for field, text in texts.items()
        for claim in check(text, facts, tokens=tokens)
    ]


def _row(field: str, claim: Claim) -> dict[str, Any]:
    return {
        "field": field,
        "text": claim.text.strip(),
        "start": claim.start,
        "end": claim.end,
        "by": claim.by,
    }


def _metrics(place: str, metrics: Mapping[str, Any]) -> Iterator[Fact]:
    for name, one in metrics.items():
        if one.get("value") is None:
            continue
        words = _WORDS.get(name, (str(one.get("title", name)).lower(),))
        yield Fact(
            key=f"{place}.{name}",
            value=_exact(one["value"]),
            unit=_unit(str(one.get("unit", ""))),
            words=words,
            magnitude="drawdown" in name,
            gain=name in _GAINS,
        )


def _unit(text: str) -> str:
    if text.startswith(FRACTION):
        return FRACTION
    return text if text in ("bps", SECONDS) else PLAIN


def _param_words(one: Mapping[str, Any]) -> tuple[str, ...]:
    name = str(one["name"]).replace("_", " ")
    return tuple({name: 0, str(one.get("title", name)).lower(): 0})


def _params(params: Sequence[Mapping[str, Any]]) -> Iterator[Fact]:
    for one in params:
        words, unit = _param_words(one), _unit(str(one.get("unit", "")))
        for what in ("current", "low", "high", "step"):
            yield _fact(f"params.{one['name']}.{what}", one[what], unit, words)


def _steps(delta: Delta, words: tuple[str, ...], unit: str) -> Iterator[Fact]:
    before, after = _exact(delta.before), _exact(delta.after)
    yield Fact(f"deltas.{delta.param}.to", after, unit, words)
    yield Fact(f"deltas.{delta.param}.by", abs(after - before), unit, words, magnitude=True)
    step = relative(before, after)
    if step is not None:
        yield Fact(f"deltas.{delta.param}.share", step, FRACTION, words, magnitude=True)


def _stretch(stretch: Mapping[str, Any]) -> Iterator[Fact]:
    if "days" in stretch:
        yield Fact("stretch.days", _exact(stretch["days"]) * 86_400, SECONDS)
        yield _fact("stretch.days_counted", stretch["days"], PLAIN, ("days",))
    if "candles" in stretch:
        yield _fact("stretch.candles", stretch["candles"], PLAIN, ("candles", "bars"))


def _plain_numbers(place: str, node: Any, words: tuple[str, ...]) -> Iterator[Fact]:
    """Numbers at any depth; their keys are words too. Rows of lists are not summed up."""
    if not isinstance(node, Mapping):
        return
    for key, value in node.items():
        name = str(key).lower().replace("_", " ")
        if isinstance(value, Mapping):
            yield from _plain_numbers(f"{place}.{key}", value, (name, *words))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            unit = FRACTION if key in ("return", "win_rate") else PLAIN
            yield _fact(f"{place}.{key}", value, unit, (name, *words))


def _fact(key: str, value: Any, unit: str, words: tuple[str, ...]) -> Fact:
    return Fact(key, _exact(value), unit, words)


def _exact(value: Any) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
