"""How many people are missing where a policy wants others to agree."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import User


def missing_people(*, by: User | None, agreed: Collection[User], needed: int) -> str:
    """Whom it needs besides `by`, in words; "" when as many different others agreed."""
    others = {person.pk for person in agreed} - {by.pk if by else None}
    if len(others) >= needed:
        return ""
    return "another person" if needed == 1 else f"{needed} other people"
