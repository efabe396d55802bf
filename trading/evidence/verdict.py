"""Red, amber or green, with the reasons. Pure: thresholds come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Colour(StrEnum):
    """RED forbids, AMBER warns, GREEN lets pass."""

    GREEN = "GREEN"
    AMBER = "AMBER"
    RED = "RED"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What each check asks; fractions and probabilities unless said otherwise."""

    min_trades: int = 30  # out of sample, below: amber
    few_trades: int = 5  # out of sample, below: red
    sharpe_kept: float = 0.5  # out-of-sample Sharpe over the in-sample one
    dsr_green: float = 0.95
    dsr_amber: float = 0.80
    pbo_green: float = 0.2
    pbo_amber: float = 0.5
    pbo_loss: float = 0.2  # of the chosen ones out of sample; below, a high PBO only warns
    folds_beaten: float = 0.6  # share of folds in which the candidate beats the baseline
    drawdown_worse: float = 0.2  # allowed above the baseline's, relative
    drawdown_floor: float = 0.05  # a baseline that fell less counts as if it fell so much
    edge_lost: float = 0.3  # allowed among the neighbours, relative


@dataclass(frozen=True, slots=True)
class Reason:
    """One check: what was found, what was asked, and what follows."""

    code: str
    title: str
    value: float | None
    threshold: float | None
    colour: Colour
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The worst colour of all reasons."""

    colour: Colour
    reasons: tuple[Reason, ...]


def judge(reasons: Sequence[Reason]) -> Verdict:
    """RED if any check is red, else AMBER if any is amber, else GREEN; red without checks."""
    colours = {reason.colour for reason in reasons}
    if not colours or Colour.RED in colours:
        return Verdict(Colour.RED, tuple(reasons))
    return Verdict(Colour.AMBER if Colour.AMBER in colours else Colour.GREEN, tuple(reasons))


def at_least(
    code: str, title: str, value: float | None, *, green: float, amber: float | None, text: str
) -> Reason:
    """Green from `green` on, amber from `amber` on (None: always); unknown is amber."""
    if value is None:
        return Reason(code, title, None, green, Colour.AMBER, f"{text} It could not be computed.")
    if value >= green:
        colour = Colour.GREEN
    else:
        colour = Colour.AMBER if amber is None or value >= amber else Colour.RED
    return Reason(code, title, value, green, colour, text)


def at_most(
    code: str, title: str, value: float | None, *, green: float, amber: float | None, text: str
) -> Reason:
    """Green up to `green`, amber up to `amber` (None: always); unknown is amber."""
    flipped = at_least(
        code,
        title,
        None if value is None else -value,
        green=-green,
        amber=None if amber is None else -amber,
        text=text,
    )
    return Reason(code, title, value, green, flipped.colour, flipped.text)
