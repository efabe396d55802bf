"""What public requests share with private ones: the address, its weight and its silences."""

from __future__ import annotations

from collections.abc import Mapping

from config.rate_budget import RateBudget, address_window, scope_of


class AddressGate:
    """Public requests aren't kept back, but theirs count, and silence is everybody's."""

    def __init__(self, budget: RateBudget, exchange: str, base_url: str = "") -> None:
        self._budget = budget
        self._scope = scope_of(exchange, base_url)
        self._window = address_window(exchange, self._scope)

    def closed_s(self) -> float:
        """For how long the exchange wants no request at all."""
        return self._budget.closed_s(self._scope)

    def answered(self, headers: Mapping[str, str] | None) -> None:
        """Binance tells with each answer how much the address has used."""
        used = str((headers or {}).get("X-MBX-USED-WEIGHT-1M", ""))
        if used.isdecimal():
            self._budget.note([(self._window, int(used))])

    def silenced(self, seconds: float) -> None:
        """The exchange wants fewer requests: nobody asks for so long."""
        self._budget.close(self._scope, seconds=seconds)
