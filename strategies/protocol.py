"""What a strategy is: pure, vectorised, bars in, targets out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from marketdata.bars import Bars, Floats
from strategies.errors import ParamsInvalid


@dataclass(frozen=True, slots=True)
class Exits:
    """Protective exits as fractions of the entry price (0.02 is two per cent); None is off.

    `trailing` follows the highest price since entry.
    """

    stop_loss: float | None = None
    take_profit: float | None = None
    trailing: float | None = None

    @property
    def declared(self) -> bool:
        return any((self.stop_loss, self.take_profit, self.trailing))


@dataclass(frozen=True, slots=True)
class Overlay:
    """An indicator that a chart of this strategy shows."""

    name: str
    params: dict[str, Any] = field(default_factory=dict)


def number(
    default: float, title: str, description: str, *, ge: float, le: float, step: float, unit: str
) -> Any:
    """A bounded parameter with what a form and an optimiser need to know of it."""
    extra: dict[str, Any] = {"step": step, "unit": unit}
    return Field(
        default, ge=ge, le=le, title=title, description=description, json_schema_extra=extra
    )


def bar_count(default: int, title: str, description: str, *, ge: int = 2, le: int = 200) -> Any:
    """A bounded number of bars."""
    return number(default, title, description, ge=ge, le=le, step=1, unit="bars")


class Params(BaseModel):
    """Parameters of a strategy: bounds are the form, the JSON schema and the optimiser's space."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True
    )

    stop_loss: float = number(
        0.0,
        "Stop loss",
        "Sell when the price is this far below the entry; 0 is off.",
        ge=0,
        le=0.5,
        step=0.005,
        unit="fraction",
    )
    take_profit: float = number(
        0.0,
        "Take profit",
        "Sell when the price is this far above the entry; 0 is off.",
        ge=0,
        le=5,
        step=0.005,
        unit="fraction",
    )
    trailing: float = number(
        0.0,
        "Trailing stop",
        "Sell when the price is this far below its highest since the entry; 0 is off.",
        ge=0,
        le=0.5,
        step=0.005,
        unit="fraction",
    )

    @property
    def exits(self) -> Exits:
        """The protective exits of these parameters."""
        return Exits(self.stop_loss or None, self.take_profit or None, self.trailing or None)


P = TypeVar("P", bound=Params)


class Strategy(ABC, Generic[P]):
    """Subclass in one file under `strategies.library`, list it in `strategies.registry`."""

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    params_model: ClassVar[type[Params]]

    def validated(self, params: Mapping[str, Any]) -> P:
        """Defaults filled in, bounds checked; refuses with ParamsInvalid and the fields."""
        try:
            return cast(P, self.params_model.model_validate(dict(params)))
        except ValidationError as error:
            wrong = {".".join(map(str, item["loc"])): item["msg"] for item in error.errors()}
            text = "; ".join(f"{key}: {why}" for key, why in wrong.items())
            raise ParamsInvalid(f"{self.name}: {text}", fields=dict(wrong)) from None

    def schema(self) -> dict[str, Any]:
        """JSON schema of the parameters in the order of a form: the protective exits last."""
        schema = self.params_model.model_json_schema()
        own = [name for name in schema["properties"] if name not in Params.model_fields]
        order = (*own, *Params.model_fields)
        return {**schema, "properties": {name: schema["properties"][name] for name in order}}

    @abstractmethod
    def warmup(self, params: P) -> int:
        """Bars needed before the first target that counts; a longer past changes nothing."""

    @abstractmethod
    def targets(self, bars: Bars, params: P) -> Floats:
        """Exposure in [0, 1] wanted at each bar's close, float64[len(bars)]; NaN is no opinion.

        Element i depends on bars 0..i only, and is NaN for i < warmup - 1.
        """

    def exits(self, params: P) -> Exits:
        """Protective exits that hold while a position is open."""
        return params.exits

    def overlays(self, params: P) -> tuple[Overlay, ...]:
        """Indicators to draw and to keep stored."""
        return ()
