"""What the controls page proves about a stop, counted from the tables when it is shown."""

from __future__ import annotations

from dataclasses import dataclass

from trading.models import Bot, Order, SystemState
from trading.order_state import LIVE, UNRESOLVED, OrderStatus


@dataclass(frozen=True, slots=True)
class StopFacts:
    """After a stop every number but the unresolved ones must be 0."""

    bots_running: int
    orders_working: int
    orders_unresolved: int
    claims_after_stop: int

    @property
    def proven(self) -> bool:
        """Nothing runs, nothing works, nothing was sent since."""
        return not (self.bots_running or self.orders_working or self.claims_after_stop)


def stop_facts() -> StopFacts:
    """Counted now."""
    state = SystemState.objects.filter(pk=1).first()
    working = Order.objects.filter(status__in=LIVE - UNRESOLVED)
    claimed = Order.objects.exclude(status=OrderStatus.NEW)
    late = claimed.filter(sent_at__gt=state.changed_at) if state else claimed.none()
    return StopFacts(
        bots_running=Bot.objects.running().count(),
        orders_working=working.count(),
        orders_unresolved=Order.objects.filter(status__in=UNRESOLVED).count(),
        claims_after_stop=late.count(),
    )
