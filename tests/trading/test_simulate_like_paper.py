"""The compiled kernel and exact decimals must agree fill by fill, whatever the market does."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.bars import Bars
from strategies.protocol import Exits
from tests.trading.reference_engine import Reference
from trading.costs import Filters, Terms
from trading.risk import Limits
from trading.simulation import Lane, Rules, kernel_orders, run

BAR_MS = 3_600_000
START_MS = 1_704_067_200_000
KINDS = [
    Filters(D("0.01"), D("0.000001"), D("0.00001"), D(5)),
    Filters(D("0.1"), D("0.001"), D("0.001"), D(10)),
    Filters(D("0.00000001"), D(1), D(1), D(1)),
    Filters(D("0.05"), D("0.5"), D(1), D(0)),
]
PRICES = [43_000.0, 2_500.0, 0.00001234, 20.0]


def bars_of(rng: np.random.Generator, n: int, kind: int, *, holes: bool) -> Bars:
    tick = float(KINDS[kind].price_tick)
    close = np.exp(np.cumsum(rng.normal(0, 0.01, n))) * PRICES[kind]
    opened = np.concatenate([[PRICES[kind]], close[:-1]]) * np.exp(rng.normal(0, 0.002, n))
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0, 0.006, n)))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0, 0.006, n)))

    def on_tick(values: Any) -> Any:
        digits = max(-int(KINDS[kind].price_tick.as_tuple().exponent), 0)
        return np.round(np.round(values / tick) * tick, digits)

    prices = [on_tick(column) for column in (opened, high, low, close)]
    volume = np.round(rng.uniform(0, 40_000 / PRICES[kind], n), 6)
    volume[rng.random(n) < 0.1] = 0.0
    at = START_MS + np.arange(n, dtype=np.int64) * BAR_MS
    keep = rng.random(n) > (0.15 if holes else -1)
    first, highest, lowest, last = (column[keep] for column in prices)
    return Bars(at[keep], first, highest, lowest, last, volume[keep])


def targets_of(rng: np.random.Generator, n: int, *, fractional: bool) -> Any:
    steps = rng.integers(0, 4, n)
    wanted = rng.choice([0.25, 0.5, 0.8, 1.0] if fractional else [1.0], n)
    held = np.where(steps == 0, 0.0, np.where(steps == 1, np.nan, wanted))
    return np.repeat(held, 3)[:n]


@st.composite
def markets(draw: st.DrawFn) -> tuple[list[Lane], Rules]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    fractional = draw(st.booleans())
    lanes = []
    for number in range(draw(st.integers(1, 3))):
        kind = draw(st.integers(0, len(KINDS) - 1))
        bars = bars_of(rng, draw(st.integers(2, 120)), kind, holes=draw(st.booleans()))
        targets = targets_of(rng, len(bars), fractional=fractional)
        warmup, start = draw(st.integers(1, 5)), draw(st.integers(0, 3))
        targets[: warmup - 1] = np.nan
        lanes.append(Lane(f"S{number}", bars, targets, warmup, KINDS[kind], min(start, len(bars))))
    bps = st.sampled_from([D(0), D(1), D("7.5"), D(10), D(60)])
    terms = Terms(draw(bps), draw(bps), draw(bps), draw(bps), draw(st.sampled_from(CAPS)))
    limits = Limits(
        max_exposure=draw(st.sampled_from([D(1), D("0.95"), D("0.5")])),
        max_position=draw(st.sampled_from([D(1), D("0.95"), D("0.3")])),
        max_daily_loss=draw(st.sampled_from([D(1), D("0.02")])),
        max_drawdown=draw(st.sampled_from([D(1), D("0.05")])),
        max_price_age_s=30,
        cooldown_candles=draw(st.integers(0, 4)),
    )
    exits = Exits(*(draw(st.sampled_from([None, 0.005, 0.01, 0.03])) for _ in range(3)))
    cash = draw(st.sampled_from([D(10_000), D("123.45"), D(1_000_000)]))
    return lanes, Rules(BAR_MS, cash, terms, limits, exits, draw(st.booleans()))


CAPS = [D(1), D("0.1"), D("0.001")]


@pytest.mark.parametrize("scan", [True, False])
@settings(max_examples=250, deadline=None, derandomize=True)
@given(market=markets())
def test_every_fill_is_that_of_the_paper_rules_to_the_last_digit(
    scan: bool, market: tuple[list[Lane], Rules]
) -> None:
    lanes, rules = market
    told = Reference(lanes, rules).run()

    simulated = run(lanes, rules, scan=scan)

    assert simulated.fill_rows() == told.fills
    assert simulated.final_cash == told.cash
    assert dict(simulated.counts.denied) == told.denied
    assert simulated.equity == pytest.approx([float(each) for each in told.equities], rel=1e-12)


def test_compiled_code_of_other_sources_is_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    now = kernel_orders._cache_dir()
    assert now == kernel_orders._cache_dir()
    assert Path(now).name.startswith("kernel-")

    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: read(self) + b"# changed")
    monkeypatch.setattr("shutil.rmtree", lambda *args, **kwargs: None)

    other = Path(kernel_orders._cache_dir())
    assert other.name != Path(now).name
    other.rmdir()
