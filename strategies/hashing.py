"""What identifies a version: its parameters and its strategy's source. Pure but for reading it."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marketdata.canonical import canonical_json
from strategies.protocol import Strategy


def params_hash(params: Mapping[str, Any]) -> str:
    """sha256 over the canonical JSON of complete parameters."""
    return hashlib.sha256(canonical_json(params).encode()).hexdigest()


def code_hash(strategy: Strategy[Any]) -> str:
    """sha256 over the file of the strategy and of each strategy it builds on."""
    digest = hashlib.sha256()
    for layer in type(strategy).__mro__:
        if issubclass(layer, Strategy) and layer is not Strategy:
            digest.update(Path(inspect.getfile(layer)).read_bytes())
    return digest.hexdigest()
