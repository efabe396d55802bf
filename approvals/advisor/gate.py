"""The gate: what an answer must be before it may become a suggestion. Pure.

No repair and no extraction of JSON from prose: an answer passes whole or is refused with a
code. The rules must hold for a model that is wholly in somebody else's hands.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, ValidationError

from approvals.advisor import strict_json
from approvals.advisor.strict_json import JsonRefused

MOST_BYTES = 32_768
MOST_DELTAS = 4
MOST_STEP = Decimal("0.25")  # of the current value, in one proposal
MOST_RISK_STEP = Decimal("0.20")  # the same for what limits a loss
MOST_IN_WINDOW = Decimal("0.50")  # sum of steps that took effect, this one included
WINDOW = timedelta(days=30)
COOL_DOWN = timedelta(hours=24)
FAR = Decimal(10) ** 12
RISK_PARAMS = frozenset({"stop_loss", "take_profit", "trailing"})


class Refused(StrEnum):
    """Why an answer is no suggestion."""

    TOO_LARGE = "TOO_LARGE"
    NOT_UTF8 = "NOT_UTF8"
    NOT_JSON = "NOT_JSON"
    TOO_DEEP = "TOO_DEEP"
    DUPLICATE_KEY = "DUPLICATE_KEY"
    NOT_FINITE = "NOT_FINITE"
    SCHEMA = "SCHEMA"
    STALE_VERSION = "STALE_VERSION"
    STALE_VALUE = "STALE_VALUE"
    PARAM_UNKNOWN = "PARAM_UNKNOWN"
    PARAM_TWICE = "PARAM_TWICE"
    NOT_WHOLE = "NOT_WHOLE"
    OFF_STEP = "OFF_STEP"
    OUT_OF_BOUNDS = "OUT_OF_BOUNDS"
    STEP_TOO_LARGE = "STEP_TOO_LARGE"
    COOLING_DOWN = "COOLING_DOWN"
    TOO_MUCH_IN_WINDOW = "TOO_MUCH_IN_WINDOW"
    PARAMS_CLASH = "PARAMS_CLASH"
    NO_OP = "NO_OP"
    CONTROL_CHARACTER = "CONTROL_CHARACTER"


class GateRefused(Exception):
    """An answer that is no suggestion; `reason` holds nothing of the answer but short names."""

    def __init__(self, code: Refused, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Bound:
    """One parameter that may be changed: bounds and grid are of the strategy's schema."""

    name: str
    whole: bool
    low: Decimal
    high: Decimal
    step: Decimal
    current: Decimal
    unit: str = ""
    title: str = ""

    @property
    def most_step(self) -> Decimal:
        return MOST_RISK_STEP if self.name in RISK_PARAMS else MOST_STEP


@dataclass(frozen=True, slots=True)
class Change:
    """A step of a parameter that took effect."""

    param: str
    at: datetime
    before: Decimal
    after: Decimal


@dataclass(frozen=True, slots=True)
class Ground:
    """What an answer is held against. `clash` says why whole parameters don't fit, or ""."""

    base_version: int
    bounds: Mapping[str, Bound]
    history: Sequence[Change]
    now: datetime
    clash: Callable[[Mapping[str, int | float]], str]


@dataclass(frozen=True, slots=True)
class Delta:
    """One parameter from its current value to another."""

    param: str
    before: int | float
    after: int | float


@dataclass(frozen=True, slots=True)
class Proposal:
    """An answer that passed."""

    deltas: tuple[Delta, ...]
    rationale: str
    confidence: float
    risks: tuple[str, ...]
    expected_effect: str


_Number = StrictInt | StrictFloat
_STRICT = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class DeltaIn(BaseModel):
    """A step as a model writes it."""

    model_config = _STRICT
    param: str = Field(min_length=1, max_length=60)
    from_: _Number = Field(alias="from")
    to: _Number


class AnswerIn(BaseModel):
    """The whole answer as a model writes it; its JSON schema goes to the provider."""

    model_config = _STRICT
    schema_version: Literal[1]
    base_version: int
    deltas: list[DeltaIn] = Field(min_length=1, max_length=MOST_DELTAS)
    rationale: str = Field(min_length=1, max_length=2000)
    confidence: float = Field(ge=0, le=1)
    risks: list[Annotated[str, Field(min_length=1, max_length=300)]] = Field(
        min_length=1, max_length=8
    )
    expected_effect: str = Field(min_length=1, max_length=500)


def check(content: bytes, ground: Ground) -> Proposal:
    """The proposal in an answer. Raises GateRefused with the first rule that it breaks."""
    answer = _shaped(content)
    _check_fresh(answer, ground)
    _check_params(answer.deltas, ground)
    for delta in answer.deltas:
        _check_grid(delta, ground.bounds[delta.param])
    for delta in answer.deltas:
        _check_bounds(delta, ground.bounds[delta.param])
    for delta in answer.deltas:
        _check_step(delta, ground)
    _check_clash(answer.deltas, ground)
    _check_change(answer.deltas)
    _check_texts([answer.rationale, answer.expected_effect, *answer.risks])
    return Proposal(
        deltas=tuple(Delta(one.param, one.from_, one.to) for one in answer.deltas),
        rationale=answer.rationale,
        confidence=answer.confidence,
        risks=tuple(answer.risks),
        expected_effect=answer.expected_effect,
    )


def _shaped(content: bytes) -> AnswerIn:
    """Size, UTF-8, JSON, schema."""
    try:
        told = strict_json.loads(content, most=MOST_BYTES)
    except JsonRefused as refusal:
        raise GateRefused(Refused(refusal.code), refusal.detail) from None
    # True equals 1 for a Literal, but is no number here.
    if isinstance(told, dict) and isinstance(told.get("schema_version"), bool):
        raise GateRefused(Refused.SCHEMA, "schema_version: a number is wanted.")
    try:
        return AnswerIn.model_validate(told)
    except ValidationError as error:
        raise GateRefused(Refused.SCHEMA, _told(error)) from None
    except RecursionError:
        raise GateRefused(Refused.TOO_DEEP, "It is nested too deeply.") from None


def _told(error: ValidationError) -> str:
    """Where and what, without the values, which are the model's own text."""
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(shown(str(part)) for part in first["loc"]) or "the answer"
    return f"{place}: {first['msg']}"[:200]


def shown(text: str) -> str:
    """A name out of an answer for people: short, ASCII, nothing that acts."""
    return "".join(each if each.isascii() and each.isprintable() else "?" for each in text[:40])


def _check_fresh(answer: AnswerIn, ground: Ground) -> None:
    if answer.base_version != ground.base_version:
        what = f"The active version is {ground.base_version}, not the one it speaks of."
        raise GateRefused(Refused.STALE_VERSION, what)
    for delta in answer.deltas:
        bound = ground.bounds.get(delta.param)
        if bound is not None and exact(delta.from_) != bound.current:
            what = f"{delta.param} is {bound.current:f} now, not what it starts from."
            raise GateRefused(Refused.STALE_VALUE, what)


def _check_params(deltas: Sequence[DeltaIn], ground: Ground) -> None:
    for delta in deltas:
        if delta.param not in ground.bounds:
            what = f"{shown(delta.param)} is none of the parameters that may be changed."
            raise GateRefused(Refused.PARAM_UNKNOWN, what)
    if len({delta.param for delta in deltas}) != len(deltas):
        raise GateRefused(Refused.PARAM_TWICE, "A parameter is changed twice.")


def _check_grid(delta: DeltaIn, bound: Bound) -> None:
    if bound.whole and not isinstance(delta.to, int):
        raise GateRefused(Refused.NOT_WHOLE, f"{bound.name} takes whole numbers.")
    wanted = exact(delta.to)
    if abs(wanted) > FAR:
        return  # far out of bounds, and too long a number to divide
    if (wanted - bound.low) % bound.step:
        raise GateRefused(Refused.OFF_STEP, f"{bound.name} goes in steps of {bound.step:f}.")


def _check_bounds(delta: DeltaIn, bound: Bound) -> None:
    if not bound.low <= exact(delta.to) <= bound.high:
        what = f"{bound.name} lies between {bound.low:f} and {bound.high:f}."
        raise GateRefused(Refused.OUT_OF_BOUNDS, what)


def _check_step(delta: DeltaIn, ground: Ground) -> None:
    """One step, the time since the last one, and all steps of the window."""
    bound = ground.bounds[delta.param]
    step = relative(bound.current, exact(delta.to))
    if step is None or step > bound.most_step:
        what = f"{bound.name} may change by {bound.most_step:.0%} at once; from 0 a person must."
        raise GateRefused(Refused.STEP_TOO_LARGE, what)
    mine = [one for one in ground.history if one.param == bound.name]
    if any(ground.now - one.at < COOL_DOWN for one in mine):
        raise GateRefused(Refused.COOLING_DOWN, f"{bound.name} was changed within 24 hours.")
    steps = [relative(one.before, one.after) for one in mine if ground.now - one.at < WINDOW]
    before = sum((each if each is not None else MOST_IN_WINDOW for each in steps), Decimal(0))
    if before + step > MOST_IN_WINDOW:
        what = f"{bound.name} would change by more than {MOST_IN_WINDOW:.0%} within 30 days."
        raise GateRefused(Refused.TOO_MUCH_IN_WINDOW, what)


def relative(before: Decimal, after: Decimal) -> Decimal | None:
    """The size of a step against where it starts; None from 0, where any step is endless."""
    if before == after:
        return Decimal(0)
    return abs(after - before) / abs(before) if before else None


def _check_clash(deltas: Sequence[DeltaIn], ground: Ground) -> None:
    if why := ground.clash({delta.param: delta.to for delta in deltas}):
        raise GateRefused(Refused.PARAMS_CLASH, why[:200])


def _check_change(deltas: Sequence[DeltaIn]) -> None:
    for delta in deltas:
        if exact(delta.from_) == exact(delta.to):
            raise GateRefused(Refused.NO_OP, f"{delta.param} stays as it is.")


def _check_texts(texts: Iterable[str]) -> None:
    for text in texts:
        for each in text:
            # Controls, bidi and other invisible marks, surrogates, private and unassigned ones.
            if each != "\n" and unicodedata.category(each).startswith("C"):
                what = f"The text holds the character U+{ord(each):04X}."
                raise GateRefused(Refused.CONTROL_CHARACTER, what)


def exact(value: int | float) -> Decimal:
    """As it is written: 0.1 is a tenth."""
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def bounds_of(schema: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Bound]:
    """Numbers of a strategy's JSON schema that have bounds, with where they stand."""
    made = {}
    for name, one in schema["properties"].items():
        if one.get("type") not in ("integer", "number") or "maximum" not in one:
            continue
        low, high = exact(one["minimum"]), exact(one["maximum"])
        made[name] = Bound(
            name=name,
            whole=one["type"] == "integer",
            low=low,
            high=high,
            step=exact(one.get("step", 1)),
            current=exact(current[name]),
            unit=str(one.get("unit", "")),
            title=str(one.get("title", name)),
        )
    return made
