"""What an agent is: a look at one symbol goes in, notes come out. Pure.

An agent asks nobody and remembers nothing: whatever it may know is in its `Look`, so the same
look gives the same notes, and one that fails leaves nothing half done.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from marketdata.exchanges.protocol import CandleRow
from marketdata.features import LiveState
from strategies.errors import AgentParamsInvalid


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth a finding. What `score` counts in is the agent's own business."""

    label: str
    score: float
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """The view on a symbol, and the leaning that may replace it once it has lasted."""

    view: str = "UNKNOWN"
    p_up: float | None = None
    leaning: str = "UNKNOWN"
    count: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one look; `standing` is None unless the agent keeps the posture."""

    notes: Sequence[Note] = ()
    standing: Standing | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Noticed:
    """A finding of any agent, as another agent reads it."""

    at: datetime
    agent: str
    label: str
    score: float
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a language model made of findings; `confidence` is in [0, 1]."""

    label: str
    confidence: float
    summary: str
    model: str


class Analyst(Protocol):
    """The door to a language model. May raise anything; never acts on anything."""

    def analyse(self, symbol: str, facts: Mapping[str, Any]) -> Analysis:
        """Read the facts of one symbol."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """All that an agent may know of one symbol at one moment.

    `bars` are closed ones by length, oldest first; `findings` are this symbol's newest first.
    """

    state: LiveState
    bars: Mapping[str, Sequence[CandleRow]]
    standing: Standing
    findings: Sequence[Noticed]
    now: datetime
    analyst: Analyst | None = None


class NothingToDo(Exception):
    """The agent rests, and the text says why; that is no failure."""


class AgentParams(BaseModel):
    """Parameters of an agent; bounds are the form and the JSON schema."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True
    )


def amount(
    default: float, title: str, description: str, *, ge: float, le: float, unit: str = ""
) -> Any:
    """A bounded parameter with what a form needs to know of it."""
    extra: dict[str, Any] = {"unit": unit}
    return Field(
        default, ge=ge, le=le, title=title, description=description, json_schema_extra=extra
    )


P = TypeVar("P", bound=AgentParams)


class Agent(ABC, Generic[P]):
    """Subclass in one file of `strategies.agents`, list it in its `__init__`."""

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    interval_s: ClassVar[float] = 30.0
    window_s: ClassVar[float | None] = None  # how long a finding is not repeated; None: setting
    switch: ClassVar[str] = ""  # the setting that turns it off
    needs_bars: ClassVar[bool] = True
    params_model: ClassVar[type[AgentParams]]

    def validated(self, params: Mapping[str, Any]) -> P:
        """Defaults filled in, bounds checked; refuses with AgentParamsInvalid and the fields."""
        try:
            return cast(P, self.params_model.model_validate(dict(params)))
        except ValidationError as error:
            wrong = {".".join(map(str, item["loc"])): item["msg"] for item in error.errors()}
            text = "; ".join(f"{key}: {why}" for key, why in wrong.items())
            raise AgentParamsInvalid(f"{self.name}: {text}", fields=dict(wrong)) from None

    def schema(self) -> dict[str, Any]:
        """JSON schema of the parameters."""
        return self.params_model.model_json_schema()

    @abstractmethod
    def look(self, look: Look, params: P) -> Seen:
        """What is noticeable now; raises NothingToDo with a reason when it can't tell."""
