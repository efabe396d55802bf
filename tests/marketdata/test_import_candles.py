"""Files go in whole: good rows stored, bad ones named, gaps listed, and a second time nothing."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from marketdata import store
from marketdata.errors import CandleFileInvalid, SymbolUnknown
from marketdata.models import Candle, DeadLetter, FeedGap, IndicatorSpec, IndicatorValue, Symbol
from marketdata.services import ImportSummary, import_candles
from marketdata.timeframes import Timeframe
from tests.marketdata.candle_files import HEAD, csv_lines, write_csv
from tests.marketdata.factories import MINUTE, NOW, make_candle, make_candles, make_symbol

pytestmark = pytest.mark.django_db

NAME = "BTC_USDT-1m-test.csv"


def imported(path: Path, **given: object) -> ImportSummary:
    return import_candles(path=path, now=NOW, **given)  # type: ignore[arg-type]


def everything() -> list[object]:
    kinds = (Symbol, Candle, IndicatorSpec, IndicatorValue, FeedGap, DeadLetter)
    return [list(kind.objects.order_by("pk").values()) for kind in kinds]


def test_candles_get_a_recorded_symbol_with_steps_of_their_digits(tmp_path: Path) -> None:
    rows = make_candles(100)

    summary = imported(write_csv(tmp_path / NAME, csv_lines(rows)))

    symbol = Symbol.objects.get()
    assert (str(symbol), symbol.watched) == ("recorded:BTC/USDT", False)
    assert (symbol.price_tick, symbol.qty_step) == (Decimal("0.01"), Decimal(1))
    assert (symbol.min_qty, symbol.min_notional) == (Decimal(1), Decimal(5))
    assert (summary.timeframe, summary.inserted) == (Timeframe.M1, 100)
    assert (summary.first_ms, summary.last_ms) == (rows[0][0], rows[-1][0])
    assert store.candle_rows(symbol.pk, "1m") == rows
    assert IndicatorValue.objects.count() == summary.values > 500


def test_a_second_import_changes_nothing_and_says_so(tmp_path: Path) -> None:
    rows = make_candles(100)
    lines = csv_lines(rows[:40] + rows[45:])
    path = write_csv(tmp_path / NAME, [*lines, lines[-1], "x,1,2,3,4,5"])
    imported(path)
    before = everything()

    again = imported(path)

    assert again.nothing_changed
    assert (again.inserted, again.unchanged, again.values) == (0, 95, 0)
    assert everything() == before


def test_bad_rows_are_named_by_line_and_the_good_ones_kept(tmp_path: Path) -> None:
    rows = make_candles(8)
    lines = csv_lines(rows)
    lines[3] = f"{rows[2][0]},1,2,3,nan,5"
    lines[5] = lines[2]
    lines[6] = lines[4].replace(",5.0", ",6.0")
    lines[7] = "yesterday,99,102,98,100,5.0"

    summary = imported(write_csv(tmp_path / NAME, lines))

    assert [(bad.line, bad.reason) for bad in summary.bad] == [
        (4, "not a finite number"),
        (7, "another row with this time has other numbers"),
        (8, "no time"),
    ]
    assert (summary.inserted, summary.duplicates, summary.rows) == (4, 1, 8)
    assert DeadLetter.objects.filter(kind="candle", source=NAME).count() == 3


def test_gaps_are_listed_and_kept(tmp_path: Path) -> None:
    rows = make_candles(20)

    summary = imported(write_csv(tmp_path / NAME, csv_lines(rows[:5] + rows[8:])))

    assert summary.holes == [(rows[5][0], rows[8][0])]
    assert FeedGap.objects.get().status == FeedGap.Status.OPEN


def test_finer_digits_in_a_later_file_refine_the_symbol(tmp_path: Path) -> None:
    imported(write_csv(tmp_path / NAME, csv_lines(make_candles(5))))
    fine = (make_candles(1)[0][0], 100.0001, 101.0, 99.0, 100.0, 2.125)

    imported(write_csv(tmp_path / "BTC_USDT-1m-fine.csv", csv_lines([fine])))

    symbol = Symbol.objects.get()
    assert (symbol.price_tick, symbol.qty_step) == (Decimal("0.0001"), Decimal("0.001"))


def test_what_is_given_wins_over_the_name(tmp_path: Path) -> None:
    path = write_csv(tmp_path / NAME, csv_lines(make_candles(5, timeframe=Timeframe.M5)))

    summary = imported(path, symbol="eth-btc", timeframe=Timeframe.M5)

    assert (str(summary.symbol), summary.timeframe) == ("recorded:ETH/BTC", Timeframe.M5)


def test_without_a_name_the_steps_say_the_timeframe(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "x.csv", csv_lines(make_candles(5, timeframe=Timeframe.H1)))

    assert imported(path, symbol="A/B").timeframe is Timeframe.H1


def test_another_exchange_must_know_the_symbol(tmp_path: Path) -> None:
    path = write_csv(tmp_path / NAME, csv_lines(make_candles(5)))
    with pytest.raises(SymbolUnknown):
        imported(path, exchange="binance")
    symbol = make_symbol(exchange="binance")

    assert imported(path, exchange="binance").symbol == symbol


@pytest.mark.parametrize(
    ("name", "lines", "reason"),
    [
        ("x.csv", csv_lines(make_candles(3)), "does not say its symbol"),
        ("A_USDT.csv", csv_lines(make_candles(1)), "does not say its symbol"),
        ("AUSDT-7m.csv", csv_lines(make_candles(1)), "does not say its timeframe"),
        (NAME, [HEAD, "1,2,3,4,5,6"], "has no usable row: line 2: "),
    ],
)
def test_what_cannot_be_stored_leaves_nothing(
    tmp_path: Path, name: str, lines: list[str], reason: str
) -> None:
    with pytest.raises(CandleFileInvalid, match=reason):
        imported(write_csv(tmp_path / name, lines))

    assert not Symbol.objects.exists()
    assert not DeadLetter.objects.exists()


def test_a_name_that_is_no_pair_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CandleFileInvalid, match="BTC is no pair"):
        imported(write_csv(tmp_path / NAME, csv_lines(make_candles(2))), symbol="BTC")


def test_a_failure_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    path = write_csv(tmp_path / NAME, csv_lines(make_candles(50)))

    def fail(percent: int, text: str) -> None:
        if percent > 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_candles(path=path, now=NOW, progress=fail)

    assert everything() == [[], [], [], [], [], []]


def test_progress_goes_up_to_a_hundred(tmp_path: Path) -> None:
    seen: list[int] = []
    path = write_csv(tmp_path / NAME, csv_lines(make_candles(6000)))

    import_candles(path=path, now=NOW, progress=lambda percent, text: seen.append(percent))

    assert seen == sorted(seen)
    assert seen[-1] == 100


def run_command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("import_candles", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_reports_bad_rows_gaps_and_numbers(tmp_path: Path) -> None:
    rows = make_candles(60)
    lines = csv_lines(rows[:30] + rows[33:])
    lines += [f"{row[0] + 1},1,1,1,1,1" for row in rows[:23]]

    said = run_command(str(write_csv(tmp_path / NAME, lines)))

    assert "Bad rows, left out and kept as dead letters: 23" in said
    assert "line 59: the time is not on a 1m boundary" in said
    assert said.count("  line ") == 20
    assert "and 3 more bad rows" in said
    assert "Gaps, kept in the ledger: 1, candles missing: 3" in said
    assert "rows read                 80" in said
    assert "recorded:BTC/USDT 1m, 2025-06-18 11:00 UTC to 2025-06-18 11:59 UTC" in said


def test_the_command_says_when_nothing_has_changed(tmp_path: Path) -> None:
    path = str(write_csv(tmp_path / NAME, csv_lines(make_candles(10))))

    assert "Nothing has changed" not in run_command(path)
    assert "Nothing has changed" in run_command(path)


def test_many_gaps_are_cut_short(tmp_path: Path) -> None:
    rows = make_candles(60)[::2]

    said = run_command(str(write_csv(tmp_path / NAME, csv_lines(rows))))

    assert "and 9 more" in said


@pytest.mark.parametrize(
    "arguments", [["nothing.csv"], [NAME, "--timeframe", "7m"], [NAME, "--exchange", "binance"]]
)
def test_the_command_fails_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / NAME, csv_lines([make_candle(MINUTE)]))

    with pytest.raises(CommandError) as caught:
        run_command(*arguments)

    assert "\n" not in str(caught.value)
    assert caught.value.returncode == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_bar_draws_over_itself(tmp_path: Path) -> None:
    out = Terminal()

    call_command(
        "import_candles", str(write_csv(tmp_path / NAME, csv_lines(make_candles(60)))), stdout=out
    )

    bar, _, report = out.getvalue().rpartition("\r\033[K")
    assert f"\r\033[K{NAME} [############################] 100 % vwap computed" in bar
    assert report.startswith("recorded:BTC/USDT 1m")
