"""`manage.py simulate`: the fields of the API as options, refusals as sentences."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.trading.simulating import start
from trading import queries
from trading.models import Simulation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_artifacts(tmp_path: Path, settings: Any) -> None:
    settings.STATE_DIR = tmp_path


def test_the_command_simulates_and_prints_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    row = start()  # candles and strategies
    arguments = ("trend_ema_fast", "--symbol", row.symbols[0], "--timeframe", row.timeframe)
    span = ("--from", str(row.from_ms), "--to", str(row.to_ms))

    call_command("simulate", *arguments, *span, "--set", "fast=9", "--set", "slow=30")
    assert "Deflated Sharpe ratio" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no strategy 'none'"):
        call_command("simulate", "none", *arguments[1:], *span)
    with pytest.raises(CommandError, match="is no time"):
        call_command("simulate", *arguments, "--from", "soon", "--to", "later")


def shell(*more: str) -> Simulation:
    """The newest simulation, after the command with these options."""
    row = start()
    arguments = ("trend_ema_fast", "--symbol", row.symbols[0], "--timeframe", row.timeframe)
    call_command("simulate", *arguments, "--from", str(row.from_ms), "--to", str(row.to_ms), *more)
    newest = queries.simulations().first()
    assert newest is not None
    return newest


def test_the_command_takes_what_the_api_takes() -> None:
    knobs = ("--knob", "fee_taker_bps=5", "--knob", "position_mode=rebalance")
    row = shell("--oos-share", "0.4", "--fill-at", "same_close", *knobs, "--baseline", "1")

    assert (row.oos_share, row.fill_at) == (0.4, "same_close")
    assert (row.knobs["fee_taker_bps"], row.knobs["position_mode"]) == ("5", "rebalance")
    assert row.baseline is not None
    assert row.baseline.number == 1


def test_a_baseline_may_be_given_by_its_parameters() -> None:
    row = shell("--set", "fast=9", "--baseline", "fast=7", "--baseline", "slow=33")

    assert row.baseline is not None
    assert (row.baseline.params["fast"], row.baseline.params["slow"]) == (7, 33)
    assert row.baseline != row.version


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--knob", "volume_cap=2"), "volume_cap: Input should be less than or equal to 1."),
        (("--knob", "no_such=1"), "no_such: Extra inputs are not permitted."),
        (("--knob", "volume_cap"), "--knob takes name=value, not volume_cap."),
        (("--oos-share", "0.95"), "oos_share: Between 0.1 and 0.9."),
        (("--baseline", "77"), "77"),
        (("--baseline", "fast"), "--baseline takes name=value, not fast."),
        (("--baseline", "1", "--no-baseline"), "Either --baseline or --no-baseline, not both."),
        (("--number", "1", "--set", "fast=9"), "Either --number or --set, not both."),
        (("--set", "fast=0"), "fast: "),
    ],
)
def test_what_the_command_refuses_it_names(options: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=re.escape(words)):
        shell(*options)


def test_cash_is_an_amount() -> None:
    row = start()
    arguments = ("trend_ema_fast", "--symbol", row.symbols[0], "--timeframe", row.timeframe)
    span = ("--from", str(row.from_ms), "--to", str(row.to_ms))

    call_command("simulate", *arguments, *span, "--cash", "5000")

    newest = queries.simulations().first()
    assert newest is not None
    assert newest.starting_cash == 5000
    with pytest.raises(CommandError, match="no amount"):
        call_command("simulate", *arguments, *span, "--cash", "much")
