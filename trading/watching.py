"""When people are told that something failed, and that it is well again. Pure.

Whatever comes and goes is told once: a failure after it has lasted, its end after that has.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

SETTLED = timedelta(seconds=60)  # well for that long is well again


class News(StrEnum):
    """What there is to tell after a look."""

    NOTHING = "NOTHING"
    FAILED = "FAILED"
    WELL = "WELL"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one thing that may fail; both times None: it is well."""

    wrong_since: datetime | None = None
    well_since: datetime | None = None
    told: bool = False


def look(
    standing: Standing, *, wrong: bool | None, lasts: timedelta, now: datetime
) -> tuple[Standing, News]:
    """The standing after a look, and what there is to tell.

    A failure is told when it has been there for `lasts`; shorter pauses of it don't count.
    `wrong` None: something else that is told explains it, so that it proves nothing.
    """
    if wrong is None:
        return (standing if standing.told else Standing()), News.NOTHING
    if wrong:
        return _wrong(standing, lasts, now)
    if standing.wrong_since is None:
        return Standing(), News.NOTHING
    since = _not_after(standing.well_since, now)
    if now - since >= SETTLED:
        return Standing(), News.WELL if standing.told else News.NOTHING
    return replace(standing, well_since=since), News.NOTHING


def _wrong(standing: Standing, lasts: timedelta, now: datetime) -> tuple[Standing, News]:
    since = _not_after(standing.wrong_since, now)
    tell = not standing.told and now - since >= lasts
    after = Standing(since, None, standing.told or tell)
    return after, News.FAILED if tell else News.NOTHING


def _not_after(since: datetime | None, now: datetime) -> datetime:
    # A time in the future was written before the clock was set back.
    return now if since is None or since > now else since
