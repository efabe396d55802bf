"""What the pages of simulations show; gathered here so that the views stay doors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

from django.http import QueryDict

from config import clock
from config.pages import whole_number
from config.refusals import Refusal
from marketdata import store
from marketdata.models import Symbol
from marketdata.symbol_pages import first_timeframe
from marketdata.timeframes import Timeframe
from strategies import queries as strategy_queries
from strategies import registry
from strategies.forms import ModelForm, params_form
from strategies.models import StrategyVersion
from trading import pictures, queries
from trading.forms import SimulationForm, tradable_symbols
from trading.models import Simulation
from trading.trade_pages import markers, trade_chart, trade_table

HEADLINE = (
    "total_return",
    "cagr",
    "sharpe",
    "sortino",
    "max_drawdown",
    "win_rate",
    "profit_factor",
    "trades",
    "composite",
)
LATEST_TRADES = 200
MONTHS = tuple(range(1, 13))


def sheet_page(row: Simulation, params: Mapping[str, str]) -> dict[str, Any]:
    """The sheet with what only the console has: the chart, the sorted table of trades."""
    told = sheet(row)
    trades = told["report"]["candidate"]["trades"]
    return {
        **told,
        "table": cache(partial(trade_table, trades, params)),
        "chart": cache(partial(trade_chart, row, params)),
    }


def fills_of(row: Simulation, symbol: Symbol, params: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the chart marks, from `?from=` on; refuses SimulationUnfinished."""
    return markers(
        queries.report_of(row)["candidate"]["fills"],
        symbol,
        from_ms=whole_number(params, "from") or 0,
        merge_ms=whole_number(params, "merge") or 0,
    )


def sheet(row: Simulation) -> dict[str, Any]:
    """Everything of one finished simulation; refuses SimulationUnfinished.

    What costs time is a callable: a page that shows a part of it reads only that.
    """
    report = queries.report_of(row)
    candidate, baseline = report["candidate"], report["baseline"]
    daily = candidate["daily_returns"]
    return {
        "simulation": row,
        "report": report,
        "rows": cache(partial(metric_rows, report)),
        "headline": cache(partial(_headline, report)),
        "equity": cache(partial(_equity, report)),
        "falls": cache(partial(_falls, report)),
        "rolling": cache(partial(_rolling, report)),
        "histogram": cache(partial(pictures.bars, daily["edges"], daily["counts"])),
        "months": cache(partial(month_rows, candidate["monthly"])),
        "month_names": ("J", "F", "M", "A", "M", "J", "J", "A", "S", "O", "N", "D"),
        "bands": cache(partial(_bands, report)),
        "trades": candidate["trades"][-LATEST_TRADES:][::-1],
        "trade_count": len(candidate["trades"]),
        "has_baseline": baseline is not None,
    }


def metric_rows(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Each metric with its values: candidate whole, in and out of sample, baseline, hold."""
    candidate, baseline = report["candidate"]["metrics"], report["baseline"]
    other = _by_name(baseline["metrics"]["whole"]) if baseline else {}
    inside, outside = _by_name(candidate["in_sample"]), _by_name(candidate["out_of_sample"])
    held = _by_name(report["buy_and_hold"]["metrics"])
    return [
        {
            **metric,
            "inside": inside[metric["name"]]["value"],
            "outside": outside[metric["name"]]["value"],
            "baseline": other[metric["name"]]["value"] if other else None,
            "held": held[metric["name"]]["value"],
        }
        for metric in candidate["whole"]
    ]


def month_rows(monthly: list[list[float]]) -> list[dict[str, Any]]:
    """Years with their twelve months and the year's total."""
    years: dict[int, dict[int, float]] = {}
    for year, month, value in monthly:
        years.setdefault(int(year), {})[int(month)] = value
    rows = []
    for year, months in sorted(years.items(), reverse=True):
        total = 1.0
        for value in months.values():
            total *= 1 + value
        cells = [(months.get(month), shade(months.get(month))) for month in MONTHS]
        rows.append({"year": year, "cells": cells, "total": total - 1})
    return rows


def shade(value: float | None) -> str:
    """The class of a month's colour: up or down, 1 to 4 by size."""
    if value is None or not value:
        return ""
    size = 1 + sum(abs(value) > limit for limit in (0.02, 0.05, 0.10))
    return f"{'up' if value > 0 else 'down'}-{size}"


class NewSimulation:
    """The form of a new simulation: what is chosen decides which parameters are asked."""

    def __init__(self, data: Mapping[str, str], *, sent: bool) -> None:
        name = data.get("strategy", "")
        self.strategy = name if name in registry.STRATEGIES else next(iter(registry.STRATEGIES))
        self.versions = list(strategy_queries.versions_of(self.strategy).order_by("-number"))
        self.version = self._chosen(data.get("version", ""))
        given = data if sent else None
        self.plan = SimulationForm(given, initial=initial_of(data))
        initial = dict(self.version.params) if self.version else {}
        self.params: ModelForm = params_form(self.strategy)(given, prefix="params", initial=initial)

    def _chosen(self, number: str) -> StrategyVersion | None:
        active = next((one for one in self.versions if one.state == "ACTIVE"), None)
        return next((one for one in self.versions if str(one.number) == number), active)

    @property
    def is_valid(self) -> bool:
        return all([self.plan.is_valid(), self.params.is_valid()])

    def asked(self) -> dict[str, Any]:
        """What `services.simulate_strategy` takes."""
        plan = self.plan.cleaned_data
        return {
            "params": {key: _plain(value) for key, value in self.params.cleaned_data.items()},
            "symbols": [str(symbol) for symbol in plan["symbols"]],
            "timeframe": plan["timeframe"],
            "from_ms": clock.to_ms(plan["start"]),
            "to_ms": clock.to_ms(plan["end"]),
            "fill_at": plan["fill_at"],
            "oos_share": float(plan["oos_share"]) / 100,
            "starting_cash": plan["starting_cash"],
        }

    def refuse(self, refusal: Refusal) -> None:
        """Show what the service refused next to the field that it is about."""
        names = {"to": "end", "from": "start"}
        field = next((names.get(name, name) for name in refusal.fields), None)
        words = next(iter(refusal.fields.values()), [refusal.detail])
        text = " ".join(map(str, words)) if isinstance(words, list) else str(words)
        self.plan.add_error(field if field in self.plan.fields else None, text)

    @property
    def context(self) -> dict[str, Any]:
        return {
            "new": self,
            "strategies": registry.STRATEGIES.values(),
            "stored": stored_candles(),
        }


def _plain(value: Any) -> Any:
    return float(value) if hasattr(value, "as_tuple") else value


def stored_candles() -> list[dict[str, Any]]:
    """What there is to simulate on: each symbol with its timeframes."""
    return [_stored(symbol) for symbol in tradable_symbols()]


def _stored(symbol: Any) -> dict[str, Any]:
    frames = []
    for timeframe in ("1m", "5m", "15m", "1h", "4h", "1d"):
        first = store.first_open_ms(symbol.pk, timeframe)
        if first is not None:
            frames.append((timeframe, first, store.latest_open_ms(symbol.pk, timeframe)))
    return {"symbol": symbol, "frames": frames}


def initial_of(data: Mapping[str, str]) -> dict[str, Any]:
    """What the form begins with: what the address names, else the newest thirty days stored."""
    wanted = data.get("symbol", "")
    symbols = list(tradable_symbols())
    chosen = [one for one in symbols if str(one) == wanted] or symbols[:1]
    timeframe = _timeframe(data.get("timeframe", ""), chosen)
    end = clock.now().replace(second=0, microsecond=0)
    newest = store.latest_open_ms(chosen[0].pk, timeframe) if chosen else None
    if newest is not None:
        end = min(end, clock.from_ms(newest + timeframe.ms))
    return {
        "symbols": [one.pk for one in chosen],
        "timeframe": timeframe.value,
        "start": _instant(data, "from_ms") or end - timedelta(days=30),
        "end": _instant(data, "to_ms") or end,
    }


def _timeframe(asked: str, chosen: Sequence[Symbol]) -> Timeframe:
    if asked in list(Timeframe):
        return Timeframe(asked)
    return first_timeframe(chosen[0]) if chosen else Timeframe.M5


def _instant(data: Mapping[str, str], name: str) -> datetime | None:
    ms = whole_number(data, name)
    return None if ms is None else clock.from_ms(ms)


def query_of(data: QueryDict) -> dict[str, str]:
    """A QueryDict as a plain mapping of last values."""
    return {key: str(data.get(key, "")) for key in data}


def _by_name(metrics: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {metric["name"]: metric for metric in metrics}


def _sides(report: dict[str, Any], what: str, column: int) -> list[tuple[str, str, Any]]:
    named = [("candidate", "Candidate", report["candidate"][what])]
    if report["baseline"]:
        named.insert(0, ("baseline", "Baseline", report["baseline"][what]))
    return [
        (name, title, [(point[0], point[column]) for point in points])
        for name, title, points in named
    ]


def _headline(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in metric_rows(report) if one["name"] in HEADLINE]


def _rolling(report: dict[str, Any]) -> pictures.Picture | None:
    return pictures.curves(_sides(report, "rolling_sharpe", 1), height=140, form="{:.1f}")


def _equity(report: dict[str, Any]) -> pictures.Picture | None:
    held = [(point[0], point[1]) for point in report["buy_and_hold"]["equity"]]
    named = [("held", "Buy and hold", held), *_sides(report, "equity", 1)]
    return pictures.curves(named, split_ms=report["split_ms"])


def _falls(report: dict[str, Any]) -> pictures.Picture | None:
    named = [
        (name, title, [(at, -value) for at, value in points])
        for name, title, points in _sides(report, "equity", 2)
    ]
    return pictures.curves(named, height=120, split_ms=report["split_ms"], form="{:.0%}")


def _bands(report: dict[str, Any]) -> pictures.Picture | None:
    found = report["evidence"]["bands_of_returns"]
    if not found:
        return None
    titles = ("worst 5 %", "worst quarter", "median", "best quarter", "best 5 %")
    named = [
        (f"band-{index}", title, list(enumerate([1.0, *values], start=1)))
        for index, (title, values) in enumerate(zip(titles, found["equity"], strict=True))
    ]
    return pictures.curves(named, height=160, form="× {:.2f}")
