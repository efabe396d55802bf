"""A simulation's report as a file to take away."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.template.loader import render_to_string

from config.pages import csv_file
from trading import queries
from trading.models import Simulation
from trading.simulation_pages import sheet
from trading.tear_sheet import instant

KINDS = ("json", "html", "trades.csv", "fills.csv", "equity.csv")
TRADE = ("symbol", "opened", "closed", "entry_price", "exit_price", "qty", "pnl", "return")
TRADE_COLUMNS = (*TRADE, "fees", "slippage", "exit_reason")
FILL_COLUMNS = ("at", "symbol", "side", "qty", "price", "fee", "maker", "reason")
STYLES = ("tokens", "base", "components", "tables", "simulations")
Row = Iterable[object]


def simulation_file(row: Simulation, kind: str) -> HttpResponse:
    """The answer that a browser stores; refuses SimulationUnfinished."""
    name = f"simulation-{row.pk}"
    if kind == "json":
        answer = HttpResponse(queries.report_bytes(row), content_type="application/json")
    elif kind == "html":
        context = {**sheet(row), "css": _inline_css()}
        text = render_to_string("trading/simulations/export.html", context)
        answer = HttpResponse(text, content_type="text/html; charset=utf-8")
    else:
        header, rows = _TABLES[kind]
        return csv_file(f"{name}-{kind}", header, rows(queries.report_of(row)["candidate"]))
    answer["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return answer


def _inline_css() -> str:
    """The sheets that the tear sheet needs, in one: the file opens without the console."""
    root = settings.BASE_DIR / "static" / "css"
    return "\n".join((root / f"{name}.css").read_text() for name in STYLES)


def _trades(side: dict[str, Any]) -> Iterable[Row]:
    for trade in side["trades"]:
        times = {"opened": instant(trade["opened_ms"]), "closed": instant(trade["closed_ms"])}
        yield [times.get(name, trade.get(name)) for name in TRADE_COLUMNS]


def _fills(side: dict[str, Any]) -> Iterable[Row]:
    for fill in side["fills"]:
        yield [instant(fill["at_ms"]) if name == "at" else fill[name] for name in FILL_COLUMNS]


def _equity(side: dict[str, Any]) -> Iterable[Row]:
    for at_ms, equity, drawdown in side["equity"]:
        yield [instant(at_ms), equity, drawdown]


_TABLES: dict[str, tuple[tuple[str, ...], Callable[[dict[str, Any]], Iterable[Row]]]] = {
    "trades.csv": (TRADE_COLUMNS, _trades),
    "fills.csv": (FILL_COLUMNS, _fills),
    "equity.csv": (("at", "equity", "drawdown"), _equity),
}
