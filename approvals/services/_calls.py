"""One call of a language model: reserved, asked once, judged, archived, audited."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from approvals.advisor.line import CallFailed, Trouble
from approvals.advisor.wires import Answer, AnswerRefused, Question
from approvals.models import LlmCall, LlmReservation
from approvals.services import _budget, _llm
from approvals.services._llm import Setup
from config.fields import plain
from config.telemetry import correlation_id
from marketdata.canonical import canonical_json
from trading.services import keyring, record

PASSED = "PASSED"
Judge = Callable[[str], tuple[str, str]]  # of an answer: (PASSED or a code, reason)
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted from a model, by whom, and out of what it was made."""

    purpose: str
    question: Question
    template: str
    template_sha256: str
    asked_by: str
    subject: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    deadline_s: float | None = None  # less than the setting's


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a call ended."""

    verdict: str
    reason: str = ""
    answer: Answer | None = None
    raw: bytes = b""
    status: int | None = 200
    sent: bool = True


def ask_model(asked: Asked, *, judge: Judge, later: Clock) -> tuple[LlmCall, str]:
    """Ask once and archive it, whatever came; the row and the text (empty when none counts).

    Never call it inside a transaction. Refuses LlmOff, LlmLeftAlone, LlmPriceUnknown,
    LlmBudgetSpent before anything is sent; a call that failed is a row with its verdict.
    """
    with_ = _llm.setup(deadline_s=asked.deadline_s)
    call = with_.provider.prepare(asked.question)
    began = later()
    _llm.admit(with_.provider.name, began)
    held = _budget.reserve(
        prices=with_.prices,
        request_bytes=len(call.body or b""),
        max_tokens=asked.question.max_tokens,
        per_call=with_.per_call,
        monthly=with_.monthly,
        purpose=asked.purpose,
        subject=asked.subject,
        now=began,
    )
    outcome = _outcome(with_, call, judge, later)
    return _archived(asked, with_, held, outcome, began, later())


def _outcome(with_: Setup, call: Any, judge: Judge, later: Clock) -> _Outcome:
    name = with_.provider.name
    try:
        reply = with_.provider.send(call)
    except CallFailed as failure:
        if failure.code in OURS:
            _llm.note_success(name, later())  # it is there; we asked wrongly
        else:
            _llm.note_failure(name, failure.detail, later(), retry_after_s=failure.retry_after_s)
        return _Outcome(
            str(failure.code),
            failure.detail,
            raw=failure.raw,
            status=failure.status,
            sent=failure.sent,
        )
    _llm.note_success(name, later())
    try:
        answer = with_.provider.read(reply)
    except AnswerRefused as refusal:
        return _Outcome(refusal.code, refusal.detail, raw=reply.content)
    verdict, reason = judge(answer.text)
    return _Outcome(verdict, reason, answer, reply.content)


OURS = frozenset({Trouble.KEY_REFUSED, Trouble.REQUEST_REFUSED, Trouble.ADDRESS_REFUSED})


def _archived(
    asked: Asked,
    with_: Setup,
    held: LlmReservation,
    outcome: _Outcome,
    began: datetime,
    ended: datetime,
) -> tuple[LlmCall, str]:
    cost, basis = _cost(with_, held, outcome)
    key = uuid.uuid4()
    fields = {
        **_told(asked, with_),
        **_heard(outcome),
        "key": key,
        "at": began,
        "latency_ms": max(round((ended - began).total_seconds() * 1000), 0),
        "cost": cost,
        "cost_basis": basis,
        "correlation_id": correlation_id(),
    }
    sealed = {"sealed_prompt": _sealed(key, "prompt", _prompt(asked.question).encode())}
    if outcome.raw:
        sealed["sealed_answer"] = _sealed(key, "answer", outcome.raw)
    row = LlmCall(reservation=held, **sealed, **fields)
    row.digest = call_digest(row)
    with transaction.atomic():
        _budget.settle(held, cost=cost, sent=outcome.sent, now=ended)
        row.save(force_insert=True)
        record(
            action="llm.called",
            subject=f"llm_call:{row.pk}",
            by=f"ai:{with_.provider.name}",
            now=ended,
            after={name: fields[name] for name in _AUDITED} | {"for": asked.subject},
            reason=outcome.reason,
        )
    return row, outcome.answer.text if outcome.answer else ""


_AUDITED = ("model", "purpose", "asked_by", "verdict", "cost", "tokens_in", "tokens_out")


def _cost(with_: Setup, held: LlmReservation, outcome: _Outcome) -> tuple[Decimal, str]:
    """Tokens that nobody told, or told wrongly, cost all that was put aside."""
    if not outcome.sent:
        return Decimal(0), LlmCall.CostBasis.NOTHING
    answer = outcome.answer
    if answer is None or answer.tokens_in is None or answer.tokens_out is None:
        return held.amount, LlmCall.CostBasis.RESERVED
    return with_.prices.cost(answer.tokens_in, answer.tokens_out), LlmCall.CostBasis.REPORTED


def _told(asked: Asked, with_: Setup) -> dict[str, Any]:
    question = asked.question
    return {
        "purpose": asked.purpose,
        "subject": asked.subject,
        "asked_by": asked.asked_by,
        "provider": with_.provider.name,
        "base_url": with_.provider.base[:200],
        "model": with_.provider.model,
        "params": {
            "temperature": question.temperature,
            "seed": question.seed,
            "max_tokens": question.max_tokens,
            "schema_sha256": _sha(canonical_json(question.schema).encode()),
        },
        "template": asked.template,
        "template_sha256": asked.template_sha256,
        "prompt_sha256": _sha(_prompt(question).encode()),
        "inputs": dict(asked.inputs),
    }


def _heard(outcome: _Outcome) -> dict[str, Any]:
    answer = outcome.answer
    return {
        "answered_model": answer.model if answer else "",
        "answer_sha256": _sha(outcome.raw) if outcome.raw else "",
        "verdict": outcome.verdict,
        "reason": outcome.reason[:200],
        "http_status": outcome.status,
        "tokens_in": answer.tokens_in if answer else None,
        "tokens_out": answer.tokens_out if answer else None,
    }


def _prompt(question: Question) -> str:
    return f"{question.system}\n\n{question.user}"


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sealed(key: uuid.UUID, part: str, content: bytes) -> str:
    text = base64.b64encode(content).decode()
    return keyring().seal(text, place=f"llm_call:{key}:{part}")


def call_digest(call: LlmCall) -> str:
    """sha256 over all that the row holds: what is read again is what was written."""
    names = [field.attname for field in LlmCall._meta.concrete_fields]
    values = {name: getattr(call, name) for name in names if name not in ("id", "digest")}
    return _sha(canonical_json({name: _as_text(value) for name, value in values.items()}).encode())


def _as_text(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{plain(value):f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value


def prompt_of(call: LlmCall) -> str:
    """The prompt as it was sent. Raises SealBroken."""
    return _opened(call, "prompt", call.sealed_prompt).decode()


def answer_of(call: LlmCall) -> str:
    """The bytes that came back, as text. Raises SealBroken."""
    if not call.sealed_answer:
        return ""
    return _opened(call, "answer", call.sealed_answer).decode("utf-8", "replace")


def _opened(call: LlmCall, part: str, sealed: str) -> bytes:
    return base64.b64decode(keyring().open(sealed, place=f"llm_call:{call.key}:{part}"))
