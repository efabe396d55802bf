"""Equity points grow coarser with age, and curves are thinned by the database."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from config import clock
from tests.trading.factories import NOW, make_bot, make_replay, run
from trading import queries, services
from trading.models import Bot, PortfolioSnapshot

pytestmark = pytest.mark.django_db

HOUR = NOW.replace(minute=0, second=0, microsecond=0)


def record_equity(bot: Bot, *moments: datetime, equity: str = "10000") -> None:
    PortfolioSnapshot.objects.bulk_create(
        PortfolioSnapshot(
            bot=bot,
            at=at,
            equity=Decimal(equity) + number,
            cash=Decimal(equity),
            positions_value=Decimal(number),
            drawdown=0.0,
        )
        for number, at in enumerate(moments)
    )


def every(seconds: float, *, start: datetime, count: int) -> list[datetime]:
    return [start + timedelta(seconds=seconds * number) for number in range(count)]


def kept() -> list[datetime]:
    return list(PortfolioSnapshot.objects.order_by("at").values_list("at", flat=True))


def test_a_day_old_snapshots_keep_the_newest_of_each_minute() -> None:
    start = HOUR - timedelta(days=2)
    record_equity(make_bot(), *every(5, start=start, count=24))

    assert services.thin_snapshots(now=NOW) == 22
    assert kept() == [start + timedelta(seconds=55), start + timedelta(seconds=115)]
    assert services.thin_snapshots(now=NOW) == 0


def test_a_month_old_snapshots_keep_the_newest_of_each_hour() -> None:
    start = HOUR - timedelta(days=40)
    record_equity(make_bot(), *every(600, start=start, count=7))

    services.thin_snapshots(now=NOW)

    assert kept() == [start + timedelta(minutes=50), start + timedelta(minutes=60)]


def test_young_snapshots_and_those_of_other_bots_stay() -> None:
    old = HOUR - timedelta(days=2)
    record_equity(make_bot(), *every(5, start=HOUR - timedelta(hours=1), count=20))
    record_equity(make_bot(), old)
    record_equity(make_bot(), old)

    assert services.thin_snapshots(now=NOW) == 0


def test_the_curve_of_a_replay_stays_as_it_is() -> None:
    bot = run(make_replay([100.0, 101, 102, 103] * 5))
    before = kept()

    assert services.thin_snapshots(now=clock.now()) == 0
    assert kept() == before
    assert bot.status == Bot.Status.FINISHED


def test_a_curve_has_about_as_many_points_as_asked_for_and_ends_with_the_newest() -> None:
    bot = make_bot()
    record_equity(bot, *every(5, start=HOUR, count=1000))

    curve = queries.equity_curve(bot.pk, points=100)

    assert 90 <= len(curve) <= 110
    assert curve[-1].equity == 10999


def test_a_curve_of_all_bots_opens_with_what_each_had_before_the_range() -> None:
    one, other = make_bot(), make_bot()
    record_equity(one, HOUR, equity="11000")
    record_equity(other, HOUR + timedelta(hours=2), equity="9000")

    curve = queries.equity_curve(from_ms=clock.to_ms(HOUR + timedelta(hours=1)))

    assert [point.equity for point in curve] == [20000]


def test_the_sum_of_now_shows_the_drawdown_of_its_curve() -> None:
    one, other = make_bot(), make_bot()
    record_equity(one, HOUR, equity="11000")
    record_equity(one, HOUR + timedelta(minutes=1), equity="9900")
    record_equity(other, HOUR + timedelta(minutes=1), equity="10000")

    view = queries.portfolio_now()

    assert view.drawdown == queries.equity_curve()[-1].drawdown == pytest.approx(1100 / 21000)
