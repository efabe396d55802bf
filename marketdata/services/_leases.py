"""Which feed is at work: a row that must be renewed, so that a dead one is followed soon."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from marketdata.models import FeedLease

# Renewed every two seconds: two renewals may fail before another feed takes over.
LEASE_S = 7.0


def claim_lease(*, holder: str, now: datetime, name: str = "feed") -> bool:
    """Take or renew the lease; False while another holder's has not run out."""
    until = now + timedelta(seconds=LEASE_S)
    # One UPDATE decides: of two that stand by, one gets it.
    mine_or_over = Q(holder=holder) | Q(expires_at__lte=now)
    rows = FeedLease.objects.filter(mine_or_over, name=name)
    if rows.update(holder=holder, expires_at=until):
        return True
    row = FeedLease(name=name, holder=holder, expires_at=until)
    FeedLease.objects.bulk_create([row], ignore_conflicts=True)
    if lease_holder(name) == holder:
        return True
    FeedLease.objects.update_or_create(
        name=standby_of(name), defaults={"holder": holder, "expires_at": until}
    )
    return False


def standby_of(name: str = "feed") -> str:
    """Under which name the one that stands by is kept, for people to see."""
    return f"{name}-standby"


def lease_is_over(*, now: datetime, name: str = "feed") -> bool:
    """Whether nobody has the lease at `now`; asks and changes nothing."""
    return not FeedLease.objects.filter(name=name, expires_at__gt=now).exists()


def release_lease(*, holder: str, now: datetime, name: str = "feed") -> None:
    """Let the next one in at once; nothing happens when it is not `holder`'s."""
    FeedLease.objects.filter(name=name, holder=holder).update(expires_at=now)


def lease_holder(name: str = "feed") -> str | None:
    """Who had the lease last, whether it has run out or not."""
    return FeedLease.objects.filter(name=name).values_list("holder", flat=True).first()
