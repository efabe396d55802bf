"""Candle files of many makers, read alike; what is none says so in one sentence."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from math import isnan
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from marketdata.errors import CandleFileInvalid
from marketdata.files import (
    CandleFile,
    Guess,
    finest_digits,
    guess_from_name,
    guess_timeframe,
    read_candles,
)
from marketdata.timeframes import Timeframe
from tests.marketdata.candle_files import csv_lines, write_csv
from tests.marketdata.factories import MINUTE, make_candle, make_candles

ROWS = make_candles(3)
AT = ROWS[0][0]


def read(path: Path) -> CandleFile:
    return read_candles(path, lambda percent, text: None)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "A.CSV"])
def test_csv_is_read_packed_or_not(tmp_path: Path, name: str) -> None:
    file = read(write_csv(tmp_path / name, csv_lines(ROWS)))

    assert file.rows == ROWS
    assert file.lines == [2, 3, 4]


@pytest.mark.parametrize(
    "head",
    [
        "date,open,high,low,close,volume",
        "Open_Time,Open,High,Low,Close,Volume",
        "time;o;h;l;c;v",
        "datetime\topen\thigh\tlow\tclose\tvol",
        "\ufeff Timestamp , open , high , low , close , volume ",
    ],
)
def test_common_column_names_and_separators_are_understood(tmp_path: Path, head: str) -> None:
    mark = next((one for one in ";\t" if one in head), ",")
    lines = [head, *(line.replace(",", mark) for line in csv_lines(ROWS)[1:])]

    assert read(write_csv(tmp_path / "a.csv", lines)).rows == ROWS


def test_columns_may_come_in_any_order_with_others_between(tmp_path: Path) -> None:
    lines = ["volume,x,close,low,high,open,trades,time", f"5.0,?,100,98,102,99,12,{AT}"]

    assert read(write_csv(tmp_path / "a.csv", lines)).rows == [make_candle(AT)]


def test_a_dump_without_a_header_is_read_by_position(tmp_path: Path) -> None:
    lines = [f"{row[0]},99,102,98,100,5.0,{row[0] + 59_999},0,0" for row in ROWS]

    file = read(write_csv(tmp_path / "BTCUSDT-1m-2024-01.csv", lines))

    assert [row[0] for row in file.rows] == [row[0] for row in ROWS]
    assert file.lines == [1, 2, 3]


@pytest.mark.parametrize(
    "cell",
    [
        str(AT),
        str(AT // 1000),
        str(AT * 1000),
        str(AT * 1_000_000),
        f"{AT / 1000:.1f}",
        f"{AT}.0",
        "2025-06-18 11:57:00",
        "2025-06-18T11:57:00Z",
        "2025-06-18T13:57:00+02:00",
    ],
)
def test_a_time_is_ms_s_us_ns_or_iso(tmp_path: Path, cell: str) -> None:
    lines = ["time,open,high,low,close,volume", f"{cell},99,102,98,100,5"]

    assert read(write_csv(tmp_path / "a.csv", lines)).rows[0][0] == AT


def test_cells_that_are_no_numbers_are_left_to_validation(tmp_path: Path) -> None:
    lines = ["time,open,high,low,close,volume", "soon,99,102,98,100,5", f"{AT},x,,98,100", ""]

    file = read(write_csv(tmp_path / "a.csv", lines))

    assert file.rows[0][0] == -1
    assert [isnan(cell) for cell in file.rows[1][1:]] == [True, True, False, False, True]


def test_a_file_that_runs_backwards_is_turned_round(tmp_path: Path) -> None:
    file = read(write_csv(tmp_path / "a.csv", csv_lines(ROWS[::-1])))

    assert file.rows == ROWS
    assert file.lines == [4, 3, 2]


@pytest.mark.parametrize("times", ["int", "timestamp", "zoned", "text"])
@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_columnar_files_are_read_alike(tmp_path: Path, kind: str, times: str) -> None:
    stamps = [row[0] for row in ROWS]
    column = {
        "int": pa.array(stamps),
        "timestamp": pa.array(stamps, pa.timestamp("ms")),
        "zoned": pa.array([at * 1_000_000 for at in stamps], pa.timestamp("ns", tz="UTC")),
        "text": pa.array([f"{datetime.fromtimestamp(at / 1000).astimezone()}" for at in stamps]),
    }[times]
    names = ("open", "high", "low", "close", "volume")
    numbers = {name: [row[place] for row in ROWS] for place, name in enumerate(names, start=1)}
    table = pa.table({"date": column} | numbers)
    path = tmp_path / f"a.{kind}"
    parquet.write_table(table, path) if kind == "parquet" else feather.write_feather(table, path)

    assert read(path).rows == ROWS


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"", "holds no candles"),
        ("a.csv", b"time,open,high,low,close,volume\n", "holds no candles"),
        ("a.csv", b"time,open,high,low,volume\n1,2,3,4,5\n", "has no column for close; it has:"),
        ("a.csv", b"hello\nworld\n", "has no column for time"),
        ("a.csv", b"time,open\xff\xfe\n", "can't be read"),
        ("a.csv.gz", b"not gzip", "can't be read"),
        ("a.parquet", b"not parquet", "can't be read"),
        ("a.feather", b"not feather", "can't be read"),
        ("a.txt", b"1,2,3", "is none of .csv, .csv.gz, .parquet, .feather"),
    ],
)
def test_what_is_no_candle_file_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(CandleFileInvalid) as caught:
        read(tmp_path / name)

    assert reason in caught.value.detail
    assert caught.value.detail.startswith(name)
    assert "\n" not in caught.value.detail


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv.gz", csv_lines(make_candles(2000)))
    path.write_bytes(path.read_bytes()[:-200])

    with pytest.raises(CandleFileInvalid, match="can't be read"):
        read(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CandleFileInvalid, match="There is no file"):
        read(tmp_path / "nothing.csv")


@pytest.mark.parametrize(
    ("name", "symbol", "timeframe"),
    [
        ("BTC_USDT-5m-20240101-20240430.csv.gz", "BTC/USDT", Timeframe.M5),
        ("ETH-BTC-1h.feather", "ETH/BTC", Timeframe.H1),
        ("BTCUSDT-1m-2024-01.csv", "BTC/USDT", Timeframe.M1),
        ("dogeusdt_4h.parquet", "DOGE/USDT", Timeframe.H4),
        ("BTC_USDT-3m.csv", "BTC/USDT", None),
        ("candles.csv", None, None),
        ("XYZ-1d.csv", None, Timeframe.D1),
    ],
)
def test_the_name_says_symbol_and_timeframe(
    name: str, symbol: str | None, timeframe: Timeframe | None
) -> None:
    assert guess_from_name(Path("/some/where") / name) == Guess(symbol, timeframe)


def test_the_usual_step_is_the_timeframe() -> None:
    rows = make_candles(10, timeframe=Timeframe.M15)

    assert guess_timeframe(rows[:4] + rows[6:]) is Timeframe.M15
    assert guess_timeframe(rows[:1]) is None
    assert guess_timeframe([make_candle(0), make_candle(7 * MINUTE)]) is None


def test_steps_are_the_finest_digits_printed() -> None:
    rows = [(0, 42000.5, 42001.25, 42000.0, 42000.5, 3.14159), (1, 1.0, 1.0, 1.0, 1.0, 1e-7)]

    assert finest_digits(rows) == (Decimal("0.01"), Decimal("0.0000001"))
    assert finest_digits([(0, 5.0, 5.0, 5.0, 5.0, 0.1 + 0.2)]) == (Decimal(1), Decimal("0.1"))
