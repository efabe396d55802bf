"""Every stable code that a person may meet has words."""

from __future__ import annotations

import pytest

from trading.models import DecisionRecord
from trading.reasons import Reason
from trading.risk import Denial
from trading.templatetags import words


@pytest.mark.parametrize("code", [*Reason, *Denial])
def test_every_reason_and_denial_is_told_in_words(code: str) -> None:
    assert code in words.REASONS


def test_every_action_is_told_in_words() -> None:
    assert set(words.ACTIONS) == set(DecisionRecord.Action.values)


def test_a_code_from_elsewhere_is_shown_readably() -> None:
    assert words.why("some_new_code") == "some new code"
    assert words.why("") == ""
    assert words.gate_name("new_gate") == "New gate"
    assert words.task_name("bot.run") == "Run a bot"
    assert words.action_name("HOLD") == "Hold"
