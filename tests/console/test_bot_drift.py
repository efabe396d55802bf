"""The drift of a bot on its page and over HTTP."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.console.pages import body, command, fragment, text_of
from tests.trading.factories import NOW, make_replay, run
from trading import services
from trading.models import Bot, Job

CLOSES = [100, 101, 102, 103, 104, 105]


@pytest.fixture
def bot(db: None) -> Bot:
    return run(make_replay(CLOSES))


def test_what_was_not_measured_says_so(viewer: Client, bot: Bot) -> None:
    text = text_of(fragment(viewer, f"/bots/{bot.pk}/?tab=drift", "bot-tab"))

    assert "Not yet measured." in text
    assert "Measure now" not in text


def test_the_gap_is_told_and_drawn_with_its_parts(operator: Client, bot: Bot) -> None:
    services.measure_drift(bot_id=bot.pk, now=NOW)

    answer = fragment(operator, f"/bots/{bot.pk}/?tab=drift", "bot-tab")

    text = text_of(answer)
    assert "Differing decisions 0 of 6" in text
    drawn = re.findall(r'waterfall__title"[^>]*>(\w+)<', body(answer))
    assert drawn == ["Price", "Fee", "Missed", "Timing", "Gap"]
    assert body(answer).count("waterfall__step") == 5
    assert "Measure now" in text


def test_measuring_now_is_a_job_of_the_bot(operator: Client, bot: Bot) -> None:
    command(operator, f"/bots/{bot.pk}/drift/")

    assert Job.objects.filter(bot=bot, task="drift.measure").count() == 1
