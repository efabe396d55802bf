"""The best of many, in an order that doesn't depend on who was first."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

KEPT = 50

Result = dict[str, Any]  # {"params", "score", "metrics"}


def best_of(results: Iterable[Result], *, kept: int = KEPT) -> list[Result]:
    """Highest scores first; those without a score are left out; ties by their parameters."""
    scored = [result for result in results if result["score"] is not None]
    return sorted(scored, key=_order)[:kept]


def _order(result: Result) -> tuple[float, str]:
    return -float(result["score"]), json.dumps(result["params"], sort_keys=True)
