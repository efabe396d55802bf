"""What a strategy is: pure, vectorised, bars in, targets out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from marketdata.bars import Bars, Floats


class Params(BaseModel):
    """Parameters of a strategy: bounds are the form, the JSON schema and the optimiser's space."""

    model_config = ConfigDict(extra="forbid", frozen=True)


P = TypeVar("P", bound=Params)


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


class Strategy(Generic[P]):
    """Subclass in one file under `strategies.library`, list it in `strategies.registry`."""

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    params_model: ClassVar[type[Params]]

    def warmup(self, params: P) -> int:
        """Bars needed before the first target that counts; a longer past changes nothing."""
        raise NotImplementedError

    def targets(self, bars: Bars, params: P) -> Floats:
        """Exposure in [0, 1] wanted at each bar's close, float64[len(bars)]; NaN is no opinion.

        Element i depends on bars 0..i only.
        """
        raise NotImplementedError

    def exits(self, params: P) -> Exits:
        """Protective exits that hold while a position is open."""
        return Exits()

    def overlays(self, params: P) -> tuple[Overlay, ...]:
        """Indicators to draw and to keep stored."""
        return ()
