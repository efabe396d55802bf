"""Minutes around scheduled news. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta


@dataclass(frozen=True, slots=True)
class NewsTime:
    """When news is due: a time of each day, or an instant; all in UTC."""

    name: str
    at: datetime | time

    def on(self, day: date) -> datetime:
        """The instant of it on (or, for one that has its own date, whatever) `day`."""
        if isinstance(self.at, datetime):
            return self.at
        return datetime.combine(day, self.at, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NewsWindow:
    """The news whose minutes these are."""

    name: str
    at: datetime


def windows_of(texts: Iterable[str]) -> list[NewsTime]:
    """From "13:30", "2026-12-10T13:30" or either with a name before an @; ValueError else."""
    return [_news_time(text) for text in texts]


def window_at(now: datetime, times: Sequence[NewsTime], minutes: float) -> NewsWindow | None:
    """The news within `minutes` of `now`, before or after; the nearest; None for none."""
    near = timedelta(minutes=minutes)
    days = [now.date() + timedelta(days=shift) for shift in (-1, 0, 1)]
    found = [NewsWindow(one.name, one.on(day)) for one in times for day in days]
    within = [window for window in found if abs(now - window.at) <= near]
    return min(within, key=lambda window: abs(now - window.at), default=None)


def _news_time(text: str) -> NewsTime:
    name, _, when = text.strip().rpartition("@")
    try:
        at: datetime | time
        if "T" in when or "-" in when:
            parsed = datetime.fromisoformat(when)
            at = parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        else:
            at = time.fromisoformat(when)
    except ValueError:
        raise ValueError(f"{text!r} is neither a time (13:30) nor an instant in UTC") from None
    return NewsTime(name.strip() or when, at)
