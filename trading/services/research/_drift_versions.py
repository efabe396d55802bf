"""Which version decided which close of a bot's life: its shadow has each in its time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from strategies import queries as strategy_queries
from strategies import registry
from strategies.models import StrategyVersion
from strategies.protocol import Exits
from trading.models import Bot, DecisionRecord
from trading.simulation import Lane


@dataclass(frozen=True, slots=True)
class Turn:
    """A version and the first close that it decided; it decided until the next turn."""

    from_ms: int
    version: StrategyVersion

    @property
    def warmup(self) -> int:
        strategy = registry.get(self.version.strategy.name)
        return strategy.warmup(strategy_queries.params_of(self.version))

    @property
    def exits(self) -> Exits:
        strategy = registry.get(self.version.strategy.name)
        return strategy.exits(strategy_queries.params_of(self.version))


def turns_of(bot: Bot, *, from_ms: int, to_ms: int) -> list[Turn]:
    """In time order, at least one; the same version comes twice after a step back."""
    rows = DecisionRecord.objects.filter(
        bot=bot, candle_close_ms__gt=from_ms, candle_close_ms__lte=to_ms
    )
    versions = StrategyVersion.objects.select_related("strategy").in_bulk(
        rows.order_by().values_list("version", flat=True).distinct()
    )
    if len(versions) < 2:
        return [Turn(from_ms, next(iter(versions.values()), bot.version))]
    closes = rows.order_by("candle_close_ms", "pk").values_list("candle_close_ms", "version")
    return [Turn(close_ms, versions[key]) for close_ms, key in _changes(closes.iterator())]


def _changes(closes: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    last = None
    for close_ms, version_id in closes:
        if version_id != last:
            yield close_ms, version_id
        last = version_id


def with_turns(lane: Lane, turns: Sequence[Turn], *, bar_ms: int) -> Lane:
    """The lane with each version's targets at the closes that it decided."""
    targets = lane.targets.copy()
    ends = [turn.from_ms for turn in turns[1:]]
    first = int(lane.bars.open_ms[0]) if len(lane.bars) else 0
    for turn, (start_ms, end_ms) in zip(turns, pairwise([first, *ends, None]), strict=True):
        start = int(np.searchsorted(lane.bars.open_ms, (start_ms or 0) - bar_ms))
        end = None if end_ms is None else int(np.searchsorted(lane.bars.open_ms, end_ms - bar_ms))
        strategy = registry.get(turn.version.strategy.name)
        wanted = strategy.targets(lane.bars, strategy_queries.params_of(turn.version))
        targets[start:end] = wanted[start:end]
    # One that isn't warm yet has no opinion: the shortest warm-up lets each speak when it can.
    return replace(lane, targets=targets, warmup=min(turn.warmup for turn in turns))


def notes_of_turns(turns: Sequence[Turn]) -> Iterator[str]:
    """What the shadow does about versions, and what it can't."""
    if len(turns) < 2:
        return
    named = ", ".join(f"v{turn.version.number}" for turn in turns)
    yield f"Decided by {named}, in this order; the shadow has each in its time."
    if len({turn.exits for turn in turns}) > 1:
        yield "Protective exits differ between them; the shadow has those of the last one."
