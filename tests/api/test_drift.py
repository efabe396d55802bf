"""A bot's drift over the API."""

from __future__ import annotations

from tests.api.factories import Api
from tests.trading.factories import NOW, make_replay, run
from trading import services


def test_it_is_null_before_and_exact_after_it_was_measured(viewer: Api) -> None:
    bot = run(make_replay([100, 101, 102, 103]))
    assert viewer.get(f"bots/{bot.pk}/drift").json() == {"drift": None}

    services.measure_drift(bot_id=bot.pk, now=NOW)

    told = viewer.get(f"bots/{bot.pk}/drift").json()["drift"]
    assert (told["gap"], told["mismatches"], told["decisions"]) == ("0", 0, 4)
    assert told["from_at"] < told["to_at"]


def test_a_bot_that_is_not_there_is_not_found(viewer: Api) -> None:
    assert viewer.get("bots/99/drift").status_code == 404
