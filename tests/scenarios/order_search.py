"""Lets the order machine run, the same for the same start.

Ten examples a round: after its first ten, Hypothesis mostly varies what it has tried, and in a
machine of so many kinds of steps what is new finds more than what is varied.
"""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

ROUND = 10
STEPS = 25


def search(
    machine: type[RuleBasedStateMachine], *, examples: int, start: int, shrink: bool = True
) -> None:
    """At least so many examples. Raises what it finds, shrunk if wanted."""
    for number in range(0, examples, ROUND):
        run_state_machine_as_test(
            seed(start + number)(machine),
            settings=settings(
                max_examples=ROUND,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                report_multiple_bugs=False,
                print_blob=False,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
            ),
        )
