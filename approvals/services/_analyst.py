"""The door of the agent `llm_analyst`, and a test of the model that people start."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from pydantic import BaseModel, ValidationError

from approvals.advisor import strict_json
from approvals.advisor.gate import MOST_BYTES
from approvals.advisor.line import CallFailed
from approvals.advisor.prompts import ANALYSIS, TEST, AnalysisIn, Template
from approvals.advisor.strict_json import JsonRefused
from approvals.advisor.wires import AnswerRefused
from approvals.errors import LlmFailed
from approvals.models import LlmCall
from approvals.services import _llm
from approvals.services._calls import PASSED, Asked, Clock, ask_model
from config import clock
from strategies.agents.protocol import Analysis, Analyst
from trading.services import record

ANALYST_S = 20.0  # of one symbol: others wait behind it
TEST_TOKENS = 400


class ModelAnalyst:
    """Reads findings with the model that the settings name."""

    def analyse(self, symbol: str, facts: Mapping[str, Any]) -> Analysis:
        """Raises LlmFailed for an answer of another form, and what `ask_model` refuses."""
        call, answer = _ask(
            ANALYSIS,
            LlmCall.Purpose.ANALYSIS,
            {"symbol": symbol, **facts},
            asked_by="agent llm_analyst",
            subject=f"symbol {symbol}"[:80],
            later=clock.now,
            deadline_s=ANALYST_S,
        )
        if not isinstance(answer, AnalysisIn):
            raise LlmFailed(f"{call.verdict}: {call.reason}")
        return Analysis(answer.label, float(answer.confidence), answer.summary, call.model)


def make_analyst() -> Analyst | None:
    """What the setting ANALYST names: None while no model is switched on."""
    return ModelAnalyst() if settings.ENV.llm_enabled and settings.ENV.llm_model else None


def test_model(*, by: User, now: datetime, later: Clock) -> LlmCall:
    """Ask for the smallest answer and archive it. Refuses what `ask_model` refuses."""
    record(action="llm.tested", subject="llm", by=by, now=now)
    call, _ = _ask(
        TEST,
        LlmCall.Purpose.TEST,
        {},
        asked_by=by.get_username(),
        subject="",
        later=later,
        deadline_s=ANALYST_S,
        max_tokens=TEST_TOKENS,
    )
    return call


def list_models() -> list[str]:
    """Names of the models that the provider has. Refuses LlmOff, LlmFailed."""
    try:
        return _llm.setup().provider.models()
    except (CallFailed, AnswerRefused) as failure:
        raise LlmFailed(f"{failure.code}: {failure.detail}") from None


def _ask(
    template: Template,
    purpose: str,
    data: Mapping[str, Any],
    *,
    asked_by: str,
    subject: str,
    later: Clock,
    deadline_s: float,
    max_tokens: int | None = None,
) -> tuple[LlmCall, BaseModel | None]:
    """The call and its answer in the template's form; None when it is of another."""
    with_ = _llm.setup()
    asked = Asked(
        purpose=purpose,
        question=template.question(
            data,
            max_tokens=min(max_tokens or with_.max_tokens, with_.max_tokens),
            temperature=with_.temperature,
        ),
        template=template.name,
        template_sha256=template.sha256,
        asked_by=asked_by,
        subject=subject,
        deadline_s=deadline_s,
    )
    heard: list[BaseModel] = []

    def judge(text: str) -> tuple[str, str]:
        try:
            told = strict_json.loads(text.encode("utf-8", "surrogatepass"), most=MOST_BYTES)
            heard.append(template.answer.model_validate(told))
        except JsonRefused as refusal:
            return refusal.code, refusal.detail
        except ValidationError:
            return "SCHEMA", "The answer is not of the form that was asked for."
        return PASSED, ""

    call, _ = ask_model(asked, judge=judge, later=later)
    return call, heard[0] if heard else None
