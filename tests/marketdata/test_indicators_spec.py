"""Names, bounds and hashes of indicators, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from marketdata import indicators
from marketdata.canonical import canonical_json
from marketdata.errors import IndicatorParamsInvalid, IndicatorUnknown
from marketdata.indicators import Spec
from tests.marketdata.bars import bars_of


def test_the_default_indicators_are_the_usual_seven() -> None:
    assert [(spec.name, dict(spec.params)) for spec in indicators.DEFAULT_SPECS] == [
        ("sma", {"period": 20}),
        ("ema", {"period": 50}),
        ("rsi", {"period": 14}),
        ("macd", {"fast": 12, "slow": 26, "signal": 9}),
        ("atr", {"period": 14}),
        ("bbands", {"period": 20, "deviations": 2.0}),
        ("vwap", {}),
    ]


@pytest.mark.parametrize("name", ["ichimoku", "dpo", "obv", "", "SMA"])
def test_a_name_that_is_not_on_the_list_is_refused(name: str) -> None:
    with pytest.raises(IndicatorUnknown, match="there are: sma, ema"):
        indicators.compute(name, {}, bars_of([1, 2]))
    with pytest.raises(IndicatorUnknown):
        indicators.lines(name)


@pytest.mark.parametrize(
    ("name", "params", "wrong"),
    [
        ("sma", {"period": 1}, "period"),
        ("ema", {"period": 501}, "period"),
        ("rsi", {"period": 201}, "period"),
        ("rsi", {"period": 14.5}, "period"),
        ("atr", {"length": 14}, "length"),
        ("bbands", {"deviations": 0}, "deviations"),
        ("bbands", {"deviations": float("nan")}, "deviations"),
        ("macd", {"fast": 26, "slow": 26}, "slow"),
        ("vwap", {"anchor": "W"}, "anchor"),
    ],
)
def test_parameters_out_of_bounds_are_refused_by_name(
    name: str, params: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(IndicatorParamsInvalid) as refusal:
        Spec.of(name, params)

    assert list(refusal.value.fields) == [wrong]


def test_a_slow_average_is_not_judged_by_a_fast_one_that_is_itself_wrong() -> None:
    with pytest.raises(IndicatorParamsInvalid) as refusal:
        Spec.of("macd", {"fast": "x", "slow": 26})

    assert list(refusal.value.fields) == ["fast"]


@pytest.mark.parametrize("rubbish", [np.nan, np.inf, -np.inf])
def test_bars_with_rubbish_in_them_are_refused(rubbish: float) -> None:
    bars = bars_of([1.0, rubbish, 3.0], highs=[1, 2, 3], lows=[1, 2, 3])

    with pytest.raises(ValueError, match="close holds NaN or infinity"):
        indicators.compute("sma", {"period": 2}, bars)


def test_rubbish_in_a_column_that_is_not_read_does_not_matter() -> None:
    bars = bars_of([1, 2, 3], volumes=[1, np.nan, 1])

    assert indicators.compute("sma", {"period": 2}, bars)["value"][2] == 2.5


def test_the_hash_is_16_hex_digits_and_knows_only_meaning() -> None:
    spec = Spec.of("bbands", {"deviations": 2, "period": 20})

    assert spec == Spec.of("bbands") == Spec.of("bbands", {"period": "20", "deviations": 2.0})
    assert spec.params_hash == indicators.params_hash({"deviations": 2, "period": 20.0})
    assert len(spec.params_hash) == 16
    assert int(spec.params_hash, 16)


def test_the_same_parameters_of_two_indicators_are_two_specs() -> None:
    assert len({Spec.of("rsi"), Spec.of("atr"), Spec.of("rsi", {"period": 15})}) == 3


def test_hashes_stay_what_they_are_because_stored_values_are_found_by_them() -> None:
    assert Spec.of("sma").params_hash == "50b7571dd68c97ae"
    assert Spec.of("vwap").params_hash == "44136fa355b3678a"


def test_canonical_json_is_one_text_per_meaning() -> None:
    assert canonical_json({"b": 2.0, "a": [1, 0.5, "é", None, True]}) == (
        '{"a":[1,0.5,"\\u00e9",null,true],"b":2}'
    )
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": float("nan")})


@pytest.mark.parametrize("name", indicators.INDICATORS)
def test_lines_fit_their_column_and_are_what_compute_returns(name: str) -> None:
    computed = indicators.compute(name, {}, bars_of([1.0, 2.0]))

    assert tuple(computed) == indicators.lines(name)
    assert max(map(len, computed)) <= 12
    assert len(name) <= 20


def test_without_ta_lib_the_long_tail_refuses_instead_of_giving_other_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import pandas_ta_classic

    monkeypatch.setitem(pandas_ta_classic.Imports, "talib", False)

    with pytest.raises(RuntimeError, match="TA-Lib is not installed"):
        indicators.compute("adx", {}, bars_of([1.0, 2.0]))


def test_knowing_names_and_bounds_loads_neither_ta_lib_nor_pandas() -> None:
    code = (
        "import sys; from marketdata import indicators as i; "
        "i.Spec.of('macd'); i.tail_needed(i.DEFAULT_SPECS); "
        "sys.exit(len({'talib', 'pandas', 'pandas_ta_classic', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
