"""What a call may cost and did cost, in US dollars. Pure; an unknown price is never 0."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

MILLION = Decimal(1_000_000)
DIGITS = Decimal("0.00000001")


class PriceUnknown(Exception):
    """Nobody said what a token costs, so nothing is asked."""


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a million tokens; None where nobody said."""

    per_million_in: Decimal | None
    per_million_out: Decimal | None

    @property
    def known(self) -> bool:
        return self.per_million_in is not None and self.per_million_out is not None

    def cost(self, tokens_in: int, tokens_out: int) -> Decimal:
        """Rounded up. Raises PriceUnknown."""
        if self.per_million_in is None or self.per_million_out is None:
            raise PriceUnknown
        spent = tokens_in * self.per_million_in + tokens_out * self.per_million_out
        return (spent / MILLION).quantize(DIGITS, ROUND_UP)

    def most(self, request_bytes: int, max_tokens: int) -> Decimal:
        """More than the call can cost: no tokeniser makes more tokens than there are bytes."""
        return self.cost(request_bytes, max_tokens)
