"""Pages by cursor: complete, without doubles, whatever is added meanwhile."""

from __future__ import annotations

import pytest

from tests.api.factories import Api
from tests.api.test_audit import record


def numbers(viewer: Api, **params: object) -> tuple[list[int], dict[str, str | None]]:
    body = viewer.get("audit", action="test.row", **params).json()
    return [int(row["subject"]) for row in body.pop("results")], body


def test_a_walk_sees_each_row_once_while_rows_are_added(viewer: Api) -> None:
    for number in range(7):
        record("test.row", subject=str(number))

    seen, cursor = [], None
    while True:
        page, links = numbers(viewer, limit=3, **({"cursor": cursor} if cursor else {}))
        seen += page
        record("test.row", subject=str(100 + len(seen)))
        cursor = links["next_cursor"]
        if cursor is None:
            break

    assert seen == [6, 5, 4, 3, 2, 1, 0]


def test_the_way_back_gives_the_same_pages(viewer: Api) -> None:
    for number in range(7):
        record("test.row", subject=str(number))
    first, links = numbers(viewer, limit=3)
    second, onward = numbers(viewer, limit=3, cursor=links["next_cursor"])

    back, ends = numbers(viewer, limit=3, cursor=onward["previous_cursor"])

    assert (first, second) == ([6, 5, 4], [3, 2, 1])
    assert back == first
    assert ends["previous_cursor"] is None
    assert numbers(viewer, limit=3, cursor=ends["next_cursor"])[0] == second


def test_a_page_that_fits_has_no_neighbours(viewer: Api) -> None:
    record("test.row", subject="1")

    assert numbers(viewer)[1] == {"next_cursor": None, "previous_cursor": None}


@pytest.mark.parametrize("cursor", ["x", "Zm9v", "ZjEyYQ", "%00", "Zi0x", "é"])
def test_a_cursor_of_nothing_is_refused(viewer: Api, cursor: str) -> None:
    answer = viewer.get("audit", cursor=cursor)

    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["cursor"])


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "ten", "1.5", "\u0661"])
def test_a_limit_has_bounds(viewer: Api, limit: str) -> None:
    assert viewer.get("audit", limit=limit).status_code == 400
