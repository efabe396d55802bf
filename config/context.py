"""What the frame of every page shows. Read only when a template asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from approvals import queries as approval_queries
from approvals.services import NEEDED
from config import clock
from trading import access, queries
from trading.models import SystemState

THEMES = ("dark", "light")
SIMULATED_EXCHANGE = "simulated"


@dataclass(frozen=True, slots=True)
class Place:
    """A link of the navigation; `key` is what follows `g` on the keyboard."""

    url_name: str
    label: str
    icon: str
    key: str


PLACES: tuple[tuple[str, tuple[Place, ...]], ...] = (
    (
        "",
        (
            Place("trading:home", "Home", "home", "h"),
            Place("trading:symbols", "Markets", "markets", "m"),
            Place("trading:bots", "Bots", "bot", "b"),
            Place("strategies:strategies", "Strategies", "strategy", "s"),
            Place("trading:simulations", "Simulations", "simulation", "i"),
            Place("trading:searches", "Searches", "search", "e"),
            Place("approvals:suggestions", "Suggestions", "edit", "z"),
        ),
    ),
    (
        "Watch",
        (
            Place("strategies:postures", "Posture", "posture", "v"),
            Place("strategies:findings", "Findings", "finding", "n"),
            Place("strategies:signals", "Signals", "signal", "u"),
            Place("strategies:agents", "Agents", "agent", "w"),
        ),
    ),
    (
        "Books",
        (
            Place("trading:orders", "Orders", "orders", "o"),
            Place("trading:fills", "Fills", "fills", "f"),
            Place("trading:positions", "Positions", "positions", "p"),
            Place("trading:trades", "Trades", "trades", "t"),
        ),
    ),
    (
        "Real money",
        (
            Place("trading:live", "Live trading", "live", "l"),
            Place("trading:accounts", "Accounts", "account", "x"),
            Place("trading:reconciliation", "Reconciliation", "balance", "r"),
        ),
    ),
    (
        "System",
        (
            Place("trading:jobs", "Jobs", "jobs", "j"),
            Place("trading:data-quality", "Data quality", "signal", "q"),
            Place("trading:controls", "Controls", "controls", "c"),
            Place("approvals:approvals", "Approvals", "check", "q"),
            Place("trading:audit", "Audit", "audit", "a"),
            Place("approvals:channels", "Notifications", "bell", "y"),
            Place("trading:tokens", "Tokens", "key", "k"),
            Place("api:docs", "API", "open", "d"),
        ),
    ),
)
ON_A_PHONE = ("trading:home", "trading:symbols", "trading:bots", "trading:orders")


@dataclass(frozen=True, slots=True)
class Link:
    """A place as this request sees it."""

    url: str
    place: Place
    current: bool


@dataclass(frozen=True, slots=True)
class FeedSummary:
    """The worst of all watched symbols: a console is as fresh as its oldest price."""

    age_s: float | None
    stale: int
    symbols: tuple[str, ...]

    @property
    def listed(self) -> str:
        """The symbols as the page's script subscribes to them."""
        return ",".join(self.symbols)


class Console:
    """The frame's facts: one query each, and only when shown."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def now(self) -> datetime:
        return clock.now()

    @cached_property
    def theme(self) -> str:
        """dark or light as the person chose; "" follows their system."""
        theme = self._request.COOKIES.get("theme", "")
        return theme if theme in THEMES else ""

    @cached_property
    def system(self) -> SystemState:
        return queries.system_state()

    @cached_property
    def simulated(self) -> bool:
        """Whether prices on this console may come from the built-in exchange."""
        return SIMULATED_EXCHANGE in settings.ENV.exchanges

    @cached_property
    def role(self) -> str:
        """The strongest role of the person, for their own menu."""
        names = set(self._request.user.groups.values_list("name", flat=True))
        roles = (access.ADMIN, access.OPERATOR, access.VIEWER)
        held = next((role for role in roles if role in names), "no role")
        return access.ADMIN if self._request.user.is_superuser else held

    @cached_property
    def feed(self) -> FeedSummary:
        rows = queries.feed_status(self.now)
        ages = [row.age_s for row in rows if row.age_s is not None]
        return FeedSummary(
            age_s=max(ages) if ages else None,
            stale=sum(row.stale for row in rows),
            symbols=tuple(str(row.symbol) for row in rows),
        )

    @cached_property
    def drifts(self) -> int:
        """Differences between books and exchanges that block something."""
        return queries.open_incidents().filter(drift=True).count()

    @cached_property
    def waiting(self) -> int:
        """Requests for real money that this person may approve."""
        user = self._request.user
        if not user.is_authenticated or not user.has_perm(access.APPROVE_LIVE):
            return 0
        return queries.requests_for(user, self.now).count()

    @cached_property
    def proposals(self) -> int:
        """Requests that wait for a decision of this person."""
        user = self._request.user
        if not user.is_authenticated or not user.has_perm(access.APPROVE):
            return 0
        may = [kind for kind, needed in NEEDED.items() if user.has_perm(needed)]
        rows = approval_queries.open_approvals().filter(state="PENDING", kind__in=may)
        # What waits for real money is counted beside its own page.
        return rows.filter(grant=None).exclude(requested_by=user.pk).count()

    @property
    def stale_after_s(self) -> float:
        return float(settings.ENV.ticker_stale_s)

    @cached_property
    def navigation(self) -> list[tuple[str, list[Link]]]:
        """All links by group; the one whose address begins this page's is current."""
        path = self._request.path
        urls = {place: reverse(place.url_name) for _, group in PLACES for place in group}
        matching = [
            url for url in urls.values() if path == url or (url != "/" and path.startswith(url))
        ]
        current = max(matching, key=len, default="")
        return [
            (title, [Link(urls[place], place, urls[place] == current) for place in group])
            for title, group in PLACES
        ]

    @cached_property
    def phone_navigation(self) -> list[Link]:
        """The few links that fit at a phone's bottom edge."""
        links = [link for _, group in self.navigation for link in group]
        return [link for link in links if link.place.url_name in ON_A_PHONE]


def console(request: HttpRequest) -> dict[str, object]:
    """Context processor."""
    return {"console": Console(request)}
