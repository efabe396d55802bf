"""Indicators: names, parameters, lines, and the one door to TA-Lib and pandas-ta-classic.

Both libraries are imported inside functions: names, bounds and hashes are there for
every process, the web process never loads pandas. Formulas: docs/reference/indicators.md.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from marketdata.bars import Bars, Floats
from marketdata.canonical import canonical_json
from marketdata.errors import IndicatorParamsInvalid, IndicatorUnknown
from marketdata.indicator_memory import remember, remembered

DAY_MS = 86_400_000
MINUTE_MS = 60_000
SEED_WEIGHT = 1e-13  # below it a seed is lost in the rounding of the sums it went into


def _count(default: int, title: str, *, most: int = 500, least: int = 2) -> Any:
    extra: dict[str, Any] = {"unit": "bars", "step": 1}
    return Field(default, ge=least, le=most, title=title, json_schema_extra=extra)


class IndicatorParams(BaseModel):
    """Parameters of one indicator; the bounds keep the tail that is read per candle short."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True
    )


class NoParams(IndicatorParams):
    pass


class WindowParams(IndicatorParams):
    period: int = _count(20, "Period")


class EmaParams(IndicatorParams):
    period: int = _count(50, "Period")


class WilderParams(IndicatorParams):
    period: int = _count(14, "Period", most=200)


class BbandsParams(IndicatorParams):
    period: int = _count(20, "Period")
    deviations: float = Field(
        2.0, ge=0.1, le=10, title="Width", json_schema_extra={"unit": "std", "step": 0.1}
    )


class MacdParams(IndicatorParams):
    fast: int = _count(12, "Fast EMA", most=200)
    slow: int = _count(26, "Slow EMA", most=200)
    signal: int = _count(9, "Signal EMA", most=100)

    @field_validator("slow")
    @classmethod
    def _slower(cls, slow: int, info: ValidationInfo) -> int:
        # TA-Lib would swap the two silently.
        if slow <= info.data.get("fast", 0):
            raise PydanticCustomError("not_slower", "must be above the fast period")
        return slow


class StochParams(IndicatorParams):
    k: int = _count(14, "%K range")
    smooth_k: int = _count(3, "%K smoothing", most=100, least=1)
    d: int = _count(3, "%D smoothing", most=100, least=1)


@dataclass(frozen=True, slots=True)
class Definition:
    """One indicator: what it takes, gives and remembers."""

    name: str
    title: str
    pane: Literal["price", "own"]  # drawn over the candles or in a pane of its own
    params_model: type[IndicatorParams]
    lines: tuple[str, ...]
    reads: tuple[str, ...]  # columns of Bars
    settle: Callable[[Any, int], int]  # (params, bar_ms) -> bars
    run: Callable[[Any, Bars], tuple[Floats, ...]]

    def validated(self, params: Mapping[str, Any]) -> IndicatorParams:
        """Defaults filled in, bounds checked; refuses with IndicatorParamsInvalid."""
        try:
            return self.params_model.model_validate(dict(params))
        except ValidationError as error:
            wrong = {".".join(map(str, item["loc"])): item["msg"] for item in error.errors()}
            raise IndicatorParamsInvalid(
                f"{self.name}: " + "; ".join(f"{key}: {text}" for key, text in wrong.items()),
                fields=dict(wrong),
            ) from None


@dataclass(frozen=True, slots=True)
class Spec:
    """An indicator with all its parameters; equal when name and parameters are."""

    name: str
    params_hash: str
    params: Mapping[str, Any] = field(compare=False)

    @classmethod
    def of(cls, name: str, params: Mapping[str, Any] | None = None) -> Spec:
        """Checked and completed; refuses IndicatorUnknown, IndicatorParamsInvalid."""
        full = definition_of(name).validated(params or {}).model_dump()
        return cls(name, params_hash(full), MappingProxyType(full))


def definition_of(name: str) -> Definition:
    """The definition, or IndicatorUnknown."""
    try:
        return INDICATORS[name]
    except KeyError:
        known = ", ".join(INDICATORS)
        raise IndicatorUnknown(f"no indicator {name!r}; there are: {known}") from None


def lines(name: str) -> tuple[str, ...]:
    """Names of the lines that `compute` returns."""
    return definition_of(name).lines


def params_hash(params: Mapping[str, Any]) -> str:
    """16 hex digits over the canonical JSON of complete parameters; use `Spec.of` to complete."""
    return hashlib.sha256(canonical_json(params).encode()).hexdigest()[:16]


def settle_bars(name: str, params: Mapping[str, Any], *, bar_ms: int = MINUTE_MS) -> int:
    """Bars after which the value no longer depends on where the history began.

    A window needs its length, a smoothing until its seed weighs less than 1e-13, VWAP the
    bars of `bar_ms` in a day. Holds for a market that moves: smoothing a flat one keeps the seed.
    """
    definition = definition_of(name)
    return definition.settle(definition.validated(params), bar_ms)


def tail_needed(specs: Iterable[Spec], *, bar_ms: int = MINUTE_MS) -> int:
    """Bars up to and including the newest that give all of `specs` their settled value."""
    return max((settle_bars(spec.name, spec.params, bar_ms=bar_ms) for spec in specs), default=0)


def compute(name: str, params: Mapping[str, Any], bars: Bars) -> dict[str, Floats]:
    """Each line as float64[len(bars)], NaN before its first defined bar; not to be written to.

    Element i depends on bars 0..i only. Refuses IndicatorUnknown, IndicatorParamsInvalid, and
    bars with NaN or infinity with ValueError.
    """
    found = remembered(bars, name, params)
    if found is None:
        found = _computed(name, params, bars)
        for line in found.values():
            line.flags.writeable = False  # others may be shown the same
        remember(bars, name, params, found)
    return dict(found)


def _computed(name: str, params: Mapping[str, Any], bars: Bars) -> dict[str, Floats]:
    definition = definition_of(name)
    checked = definition.validated(params)
    for column in definition.reads:
        if not np.isfinite(getattr(bars, column)).all():
            raise ValueError(f"{name} can't be computed: {column} holds NaN or infinity")
    return dict(zip(definition.lines, definition.run(checked, bars), strict=True))


def _fade(alpha: float) -> int:
    """Smoothing steps until the seed's weight (1 - alpha)^k is below SEED_WEIGHT."""
    return math.ceil(math.log(SEED_WEIGHT) / math.log1p(-alpha))


def _ema_bars(period: int) -> int:
    return period + _fade(2 / (period + 1))


def _window_settle(params: Any, bar_ms: int) -> int:
    return int(params.period)


def _ema_settle(params: EmaParams, bar_ms: int) -> int:
    return _ema_bars(params.period)


def _macd_settle(params: MacdParams, bar_ms: int) -> int:
    return _ema_bars(params.slow) + _ema_bars(params.signal)  # an average of averages


def _wilder_settle(params: WilderParams, bar_ms: int) -> int:
    return params.period + 1 + _fade(1 / params.period)


def _adx_settle(params: WilderParams, bar_ms: int) -> int:
    return 2 * _wilder_settle(params, bar_ms)


def _mfi_settle(params: WindowParams, bar_ms: int) -> int:
    return params.period + 1  # it looks at changes


def _stoch_settle(params: StochParams, bar_ms: int) -> int:
    return params.k + params.smooth_k + params.d


def _day_settle(params: NoParams, bar_ms: int) -> int:
    return max(1, DAY_MS // bar_ms)


def _sma(params: WindowParams, bars: Bars) -> tuple[Floats, ...]:
    import talib

    return (talib.SMA(bars.close, params.period),)


def _ema(params: EmaParams, bars: Bars) -> tuple[Floats, ...]:
    import talib

    return (talib.EMA(bars.close, params.period),)


def _rsi(params: WilderParams, bars: Bars) -> tuple[Floats, ...]:
    import talib

    return (talib.RSI(bars.close, params.period),)


def _macd(params: MacdParams, bars: Bars) -> tuple[Floats, ...]:
    import talib

    macd, signal, histogram = talib.MACD(bars.close, params.fast, params.slow, params.signal)
    return macd, signal, histogram


def _atr(params: WilderParams, bars: Bars) -> tuple[Floats, ...]:
    import talib

    return (talib.ATR(bars.high, bars.low, bars.close, params.period),)


def _bbands(params: BbandsParams, bars: Bars) -> tuple[Floats, ...]:
    import talib

    width = params.deviations
    upper, middle, lower = talib.BBANDS(bars.close, params.period, width, width)
    return upper, middle, lower


def _vwap(params: NoParams, bars: Bars) -> tuple[Floats, ...]:
    """Sum of typical price x volume over sum of volume since 00:00 UTC.

    NaN for a day whose first bar is not there, and until something was traded.
    """
    values = np.full(len(bars), np.nan)
    if not len(bars):
        return (values,)
    day = bars.open_ms // DAY_MS
    first = np.flatnonzero(np.diff(day, prepend=day[0] - 1))
    sizes = np.diff(first, append=len(bars))
    # One row per day: each sum starts at zero, so a tail gives the same digits as all history.
    width = int(sizes.max())
    place = np.arange(len(bars)) + np.repeat(np.arange(len(first)) * width - first, sizes)

    def summed(column: Floats) -> Floats:
        grid = np.zeros(len(first) * width)
        grid[place] = column
        return np.asarray(np.cumsum(grid.reshape(-1, width), axis=1).ravel()[place])

    volume = summed(bars.volume)
    traded = summed((bars.high + bars.low + bars.close) / 3 * bars.volume)
    whole = np.repeat(bars.open_ms[first] % DAY_MS == 0, sizes)
    np.divide(traded, volume, out=values, where=whole & (volume > 0))
    return (values,)


def _long_tail(name: str, bars: Bars, width: int, **arguments: Any) -> tuple[Floats, ...]:
    """`width` lines of pandas-ta-classic, with TA-Lib inside wherever it has the indicator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns at import about a future pandas
        import pandas as pd
        import pandas_ta_classic as ta

    if not ta.Imports["talib"]:
        raise RuntimeError("TA-Lib is not installed; other formulas would give other values")
    columns = {key: pd.Series(getattr(bars, key)) for key in INDICATORS[name].reads}
    result = getattr(ta, name)(**columns, **arguments, talib=True)
    if result is None:  # fewer bars than the window
        return tuple(np.full(len(bars), np.nan) for _ in range(width))
    values = result.to_numpy(dtype=np.float64).reshape(len(bars), width).T
    return tuple(np.where(np.isfinite(line), line, np.nan) for line in values)


def _adx(params: WilderParams, bars: Bars) -> tuple[Floats, ...]:
    return _long_tail("adx", bars, 3, length=params.period)


def _cci(params: WindowParams, bars: Bars) -> tuple[Floats, ...]:
    return _long_tail("cci", bars, 1, length=params.period)


def _mfi(params: WindowParams, bars: Bars) -> tuple[Floats, ...]:
    return _long_tail("mfi", bars, 1, length=params.period)


def _stoch(params: StochParams, bars: Bars) -> tuple[Floats, ...]:
    return _long_tail("stoch", bars, 2, k=params.k, smooth_k=params.smooth_k, d=params.d)


def _donchian(params: WindowParams, bars: Bars) -> tuple[Floats, ...]:
    period = params.period
    return _long_tail("donchian", bars, 3, lower_length=period, upper_length=period)


_C = ("close",)
_HLC = ("high", "low", "close")
_HLCV = (*_HLC, "volume")
_VALUE = ("value",)
_BANDS = ("upper", "middle", "lower")

_DEFINITIONS = (
    Definition(
        "sma", "Simple moving average", "price", WindowParams, _VALUE, _C, _window_settle, _sma
    ),
    Definition(
        "ema", "Exponential moving average", "price", EmaParams, _VALUE, _C, _ema_settle, _ema
    ),
    Definition(
        "rsi", "Relative strength index", "own", WilderParams, _VALUE, _C, _wilder_settle, _rsi
    ),
    Definition(
        "macd", "MACD", "own", MacdParams, ("macd", "signal", "histogram"), _C, _macd_settle, _macd
    ),
    Definition(
        "atr", "Average true range", "own", WilderParams, _VALUE, _HLC, _wilder_settle, _atr
    ),
    Definition(
        "bbands", "Bollinger bands", "price", BbandsParams, _BANDS, _C, _window_settle, _bbands
    ),
    Definition("vwap", "VWAP of the UTC day", "price", NoParams, _VALUE, _HLCV, _day_settle, _vwap),
    Definition(
        "adx",
        "Average directional index",
        "own",
        WilderParams,
        ("adx", "plus_di", "minus_di"),
        _HLC,
        _adx_settle,
        _adx,
    ),
    Definition(
        "cci", "Commodity channel index", "own", WindowParams, _VALUE, _HLC, _window_settle, _cci
    ),
    Definition("mfi", "Money flow index", "own", WindowParams, _VALUE, _HLCV, _mfi_settle, _mfi),
    Definition("stoch", "Stochastic", "own", StochParams, ("k", "d"), _HLC, _stoch_settle, _stoch),
    Definition(
        "donchian",
        "Donchian channel",
        "price",
        WindowParams,
        ("lower", "middle", "upper"),
        ("high", "low"),
        _window_settle,
        _donchian,
    ),
)

# Not here: `ichimoku` and `dpo` of pandas-ta-classic (their past changes with the future) and
# OBV (its level depends on where the history begins, so that no two stores would agree).
INDICATORS: Mapping[str, Definition] = MappingProxyType({one.name: one for one in _DEFINITIONS})

DEFAULT_SPECS: tuple[Spec, ...] = (
    Spec.of("sma", {"period": 20}),
    Spec.of("ema", {"period": 50}),
    Spec.of("rsi", {"period": 14}),
    Spec.of("macd", {"fast": 12, "slow": 26, "signal": 9}),
    Spec.of("atr", {"period": 14}),
    Spec.of("bbands", {"period": 20, "deviations": 2.0}),
    Spec.of("vwap"),
)
