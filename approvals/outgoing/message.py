"""What is sent, before it is put into anybody's wire format."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Message:
    """`ref` tells repeats of one delivery apart from other deliveries."""

    title: str
    body: str
    topic: str
    severity: int
    at: datetime
    ref: str
