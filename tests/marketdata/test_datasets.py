"""Datasets: files of candles that are never wrong, whoever writes what meanwhile."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from config.env import Env
from marketdata import datasets, store
from marketdata.bars import Bars
from marketdata.candle_triggers import BLOCK_MS
from marketdata.models import Candle, CandleRevision, Symbol
from tests.marketdata.factories import MINUTE, make_candle, make_candles, make_symbol

# Nothing is kept within a transaction, so these tests have real ones.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_artifacts(tmp_path: Path, settings: Any) -> None:
    settings.STATE_DIR = tmp_path


@pytest.fixture
def symbol() -> Symbol:
    symbol = make_symbol()
    store.insert_candles(symbol.pk, "1m", make_candles(500))
    return symbol


def load(symbol: Symbol, to_ms: int = 2**50) -> Bars:
    return datasets.load_dataset(symbol=symbol, timeframe="1m", from_ms=0, to_ms=to_ms)


def files() -> list[Path]:
    return sorted(datasets.folder().iterdir())


def same(one: Bars, other: Bars) -> bool:
    pairs = zip(one.columns(), other.columns(), strict=True)
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs)


def never(*args: Any, **kwargs: Any) -> Bars:
    raise AssertionError("the database was read")


def test_the_second_load_equals_the_first_and_reads_no_candle(
    symbol: Symbol, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(symbol)
    monkeypatch.setattr(store, "load_bars", never)

    second = load(symbol)

    assert len(first) == 500
    assert same(first, second)
    with pytest.raises(ValueError, match="read-only"):
        second.close[0] = 1.0


def change(symbol: Symbol) -> None:
    at = store.candle_rows(symbol.pk, "1m")[100][0]
    store.insert_candles(symbol.pk, "1m", [make_candle(at, close=55.0)])


def change_past_the_store(symbol: Symbol) -> None:
    at = store.candle_rows(symbol.pk, "1m")[100][0]
    Candle.objects.filter(open_ms=at).update(close=55.0, high=99.0)


def remove(symbol: Symbol) -> None:
    Candle.objects.filter(open_ms=store.candle_rows(symbol.pk, "1m")[100][0]).delete()


def append(symbol: Symbol) -> None:
    at = store.candle_rows(symbol.pk, "1m")[-1][0] + MINUTE
    store.insert_candles(symbol.pk, "1m", [make_candle(at)])


def replace_one_by_another(symbol: Symbol) -> None:
    rows = store.candle_rows(symbol.pk, "1m")
    Candle.objects.filter(open_ms=rows[100][0]).delete()
    store.insert_candles(symbol.pk, "1m", [make_candle(rows[-1][0] + MINUTE)])


def import_anew(symbol: Symbol) -> None:
    rows = [make_candle(row[0], close=55.0) for row in store.candle_rows(symbol.pk, "1m")]
    store.insert_candles(symbol.pk, "1m", rows)


@pytest.mark.parametrize(
    "write", [change, change_past_the_store, remove, append, replace_one_by_another, import_anew]
)
def test_every_write_is_seen(symbol: Symbol, write: Callable[[Symbol], None]) -> None:
    before = load(symbol)
    write(symbol)

    after = load(symbol)

    assert not same(before, after)
    assert same(after, store.load_bars(symbol.pk, "1m"))
    assert same(after, load(symbol))


def test_a_candle_of_today_leaves_older_files_as_they_are(
    symbol: Symbol, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = store.candle_rows(symbol.pk, "1m")[-1][0]
    load(symbol, to_ms=last + 1)
    store.insert_candles(symbol.pk, "1m", [make_candle(last + 2 * BLOCK_MS)])
    monkeypatch.setattr(store, "load_bars", never)

    assert len(load(symbol, to_ms=last + 1)) == 500


def test_a_candle_that_moves_marks_where_it_was_and_where_it_is(symbol: Symbol) -> None:
    first = store.candle_rows(symbol.pk, "1m")[0][0]
    before = dict(CandleRevision.objects.values_list("block", "revision"))

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE marketdata_candle SET open_ms = %s WHERE open_ms = %s",
            [first + 5 * BLOCK_MS, first],
        )

    after = dict(CandleRevision.objects.values_list("block", "revision"))
    assert len(after) == len(before) + 1
    assert after[first // BLOCK_MS] != before[first // BLOCK_MS]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: b"",
        lambda content: b"x" * len(content),
        lambda content: content[:10_000] + bytes([content[10_000] ^ 1]) + content[10_001:],
    ],
    ids=["half", "a byte less", "empty", "other", "one bit"],
)
def test_a_damaged_file_is_made_again(symbol: Symbol, damage: Callable[[bytes], bytes]) -> None:
    first = load(symbol)
    content = files()[0].read_bytes()
    broken = files()[0].with_suffix(".broken")
    broken.write_bytes(damage(content))
    broken.replace(files()[0])

    again = load(symbol)

    assert same(first, again)
    assert files()[0].read_bytes() == content


def test_two_workers_at_once_leave_one_whole_file(symbol: Symbol) -> None:
    both = threading.Barrier(2)
    loaded: list[Bars] = []

    def work() -> None:
        both.wait()
        loaded.append(load(symbol))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(loaded) == 2
    assert same(*loaded)
    assert [path.suffix for path in files()] == [".arrow"]
    assert same(load(symbol), loaded[0])


def test_what_was_not_used_for_longest_makes_room(symbol: Symbol, settings: Any) -> None:
    last = store.candle_rows(symbol.pk, "1m")[-1][0]
    load(symbol, to_ms=last - 2)
    oldest = files()[0]
    load(symbol, to_ms=last - 1)
    kept = next(path for path in files() if path != oldest)
    settings.ENV = Env(datasets_max_mb=1)
    for number, path in enumerate((oldest, kept)):
        os.truncate(path, 600_000)
        os.utime(path, (number, number))

    datasets.make_room()

    assert files() == [kept]


def test_zero_megabytes_keep_nothing(symbol: Symbol, settings: Any) -> None:
    settings.ENV = Env(datasets_max_mb=0)

    assert len(load(symbol)) == 500
    assert not datasets.folder().exists()


def test_a_full_disk_makes_a_run_slower_and_not_wrong(
    symbol: Symbol, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(datasets, "_write", full)

    assert len(load(symbol)) == 500
    assert files() == []


def test_nothing_is_kept_within_a_transaction(symbol: Symbol) -> None:
    with transaction.atomic():
        assert len(load(symbol)) == 500

    assert not datasets.folder().exists()


def test_a_stretch_without_candles_is_empty(symbol: Symbol) -> None:
    assert len(load(symbol, to_ms=1)) == 0
