"""What Prometheus scrapes: read from the database, so that every process says the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import Count, Min
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config import clock
from marketdata.models import Circuit, DeadLetter, FeedGap
from trading import queries
from trading.models import AuditEvent, Bot, Heartbeat, Job, Order, OrderIntent, SystemState
from trading.order_state import UNRESOLVED

CONTENT_TYPE = CONTENT_TYPE_LATEST


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Console(clock.now()))
    return generate_latest(registry)


class _Console(Collector):
    def __init__(self, now: datetime) -> None:
        self.now = now

    def describe(self) -> Iterable[Metric]:
        return []  # else registering would read the database once more

    def collect(self) -> Iterator[Metric]:
        yield from _system(self.now)
        yield from _market(self.now)
        yield from _execution(self.now)
        yield from _limits()
        yield from _books(self.now)
        yield _counts("bots", "Bots by status.", Bot, "status")
        yield _counts("jobs", "Jobs by status.", Job, "status")
        events = CounterMetricFamily("audit_events", "Events in the audit log.")
        events.add_metric([], AuditEvent.objects.count())
        yield events


def _system(now: datetime) -> Iterator[Metric]:
    current = queries.system_state()
    state = GaugeMetricFamily("system_state", "1 for the state that holds.", labels=["state"])
    for name in SystemState.State.values:
        state.add_metric([name], float(name == current.state))
    yield state
    age = GaugeMetricFamily(
        "heartbeat_age_seconds", "Since a process last showed itself.", labels=["proc"]
    )
    for beat in Heartbeat.objects.all():
        age.add_metric([beat.process], (now - beat.at).total_seconds())
    yield age


def _market(now: datetime) -> Iterator[Metric]:
    age = GaugeMetricFamily("md_age_seconds", "Age of the newest quote.", labels=["symbol"])
    for feed in queries.feed_status(now):
        if feed.age_s is not None:
            age.add_metric([str(feed.symbol)], feed.age_s)
    yield age
    breaker = GaugeMetricFamily(
        "exchange_breaker_state", "0 closed, 1 half open, 2 open.", labels=["exchange"]
    )
    levels = {Circuit.State.CLOSED: 0, Circuit.State.HALF_OPEN: 1, Circuit.State.OPEN: 2}
    for circuit in Circuit.objects.all():
        breaker.add_metric([circuit.exchange], levels[Circuit.State(circuit.state)])
    yield breaker
    yield _counts("feed_gaps", "Stretches of missing candles.", FeedGap, "status")
    yield _counts("dead_letters", "What could not be stored.", DeadLetter, "status")


def _execution(now: datetime) -> Iterator[Metric]:
    yield _counts("exec_orders", "Orders by status.", Order, "status")
    denied = OrderIntent.objects.exclude(denial="").count()
    intents = CounterMetricFamily("exec_intents", "Intents by outcome.", labels=["outcome"])
    intents.add_metric(["denied"], denied)
    intents.add_metric(["allowed"], OrderIntent.objects.count() - denied)
    yield intents
    unresolved = Order.objects.filter(status__in=UNRESOLVED)
    found = unresolved.aggregate(many=Count("pk"), oldest=Min("updated_at"))
    many = GaugeMetricFamily("exec_unknown_orders", "Orders whose fate isn't known.")
    many.add_metric([], found["many"])
    yield many
    age = GaugeMetricFamily("exec_unknown_age_seconds", "Age of the oldest of them.")
    age.add_metric([], (now - found["oldest"]).total_seconds() if found["oldest"] else 0)
    yield age


def _books(now: datetime) -> Iterator[Metric]:
    rate = GaugeMetricFamily(
        "recon_match_ratio", "Clean over judged cycles, 24 hours.", labels=["account"]
    )
    cycles = GaugeMetricFamily(
        "recon_cycles_24h", "Cycles by result, 24 hours.", labels=["account", "result"]
    )
    drifts = GaugeMetricFamily("recon_drifts", "Open drifts.", labels=["account"])
    for books in queries.account_books(now):
        name, match = books.account.name, books.match
        if match.rate is not None:
            rate.add_metric([name], match.rate)
        for result in ("clean", "different", "aborted"):
            cycles.add_metric([name, result], getattr(match, result))
        drifts.add_metric([name], books.drifts)
    yield from (rate, cycles, drifts)


def _limits() -> Iterator[Metric]:
    used = GaugeMetricFamily(
        "rate_used_ratio", "Used part of an exchange's limit.", labels=["account", "window"]
    )
    closed = GaugeMetricFamily(
        "rate_closed_seconds", "For how long an exchange wants no request.", labels=["account"]
    )
    stream = GaugeMetricFamily(
        "account_stream_up", "1 while an account's private stream stands.", labels=["account"]
    )
    for rates in queries.account_rates():
        closed.add_metric([rates.account.name], rates.closed_s)
        for use in rates.uses:
            window = f"{use.window.name.rpartition(':')[2]}_{use.window.period_ms // 1000}s"
            used.add_metric([rates.account.name, window], use.used / use.window.limit)
        state = queries.stream_state(rates.account.pk)
        stream.add_metric([rates.account.name], float(state is not None and state.up))
    yield used
    yield closed
    yield stream


def _counts(name: str, title: str, model: type, field: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, title, labels=[field])
    rows = model.objects.order_by().values_list(field).annotate(Count("pk"))  # type: ignore[attr-defined]
    for value, many in rows:
        family.add_metric([value], many)
    return family
