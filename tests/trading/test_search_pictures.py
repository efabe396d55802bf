"""Scores of a search as pictures: where they are high, and when they were found."""

from __future__ import annotations

from trading.pictures import MOST_CELLS, HeatAxis, dots, heat

FAST = HeatAxis("fast", "Fast", [1, 2, 3])
SLOW = HeatAxis("slow", "Slow", [10, 20])


def test_a_place_shows_the_best_of_what_the_others_were() -> None:
    trials = [
        ({"fast": 1, "slow": 10, "third": 5}, 1.0),
        ({"fast": 1, "slow": 10, "third": 6}, 3.0),
        ({"fast": 3, "slow": 20, "third": 5}, 2.0),
        ({"fast": 2, "slow": 20, "third": 5}, None),
    ]

    picture = heat(trials, FAST, SLOW)

    assert picture is not None
    assert [cell.title for cell in picture.cells] == [
        "Fast 3, Slow 20: 2.00",
        "Fast 1, Slow 10: 3.00",
    ]
    best = picture.cells[-1]
    assert (best.best, best.x, best.y) == (True, 0, 160)
    assert picture.columns == ["1", "2", "3"]
    assert picture.rows == ["20", "10"]


def test_one_parameter_makes_one_row() -> None:
    picture = heat([({"fast": 1}, 0.1), ({"fast": 2}, 0.2)], FAST, None, form="{:.0%}")

    assert picture is not None
    assert picture.rows == []
    assert [(cell.title, cell.level) for cell in picture.cells] == [
        ("Fast 1: 10%", 2),
        ("Fast 2: 20%", 5),
    ]


def test_too_many_values_share_their_cells() -> None:
    wide = HeatAxis("fast", "Fast", list(range(100)))

    picture = heat([({"fast": at}, float(at)) for at in range(100)], wide, None)

    assert picture is not None
    assert len(picture.cells) == 34 <= MOST_CELLS
    assert picture.cells[-1].title == "Fast 99: 99.00"
    assert sum(text != "" for text in picture.columns) <= 8


def test_values_that_are_not_on_the_axis_and_missing_scores_draw_nothing() -> None:
    assert heat([({"fast": 9}, 1.0), ({"fast": 1}, None)], FAST, None) is None


def test_the_best_so_far_is_a_line_that_only_rises() -> None:
    picture = dots([1.0, None, 3.0, 2.0])

    assert picture is not None
    assert picture.dots.count("M") == 3
    heights = [float(point.split()[1]) for point in _pairs(picture.best)]
    assert heights == sorted(heights, reverse=True)
    assert heights[-1] == 0


def test_a_picture_of_fewer_than_two_scores_is_none_and_of_equal_ones_is_level() -> None:
    assert dots([None, 1.0]) is None
    level = dots([2.0, 2.0])
    assert level is not None
    assert level.best.split()[1] == "90.0"


def test_very_many_tries_are_thinned() -> None:
    picture = dots([float(at % 7) for at in range(50_000)])

    assert picture is not None
    assert picture.dots.count("M") == 2_000


def _pairs(points: str) -> list[str]:
    numbers = points.split()
    return [f"{x} {y}" for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
