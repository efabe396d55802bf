"""That it is a person who acts: no model, no task, nobody who was shut out."""

from __future__ import annotations

from django.contrib.auth.models import User

from approvals.errors import ApproverNotAllowed


def check_person(by: object, permission: str) -> User:
    """That person. Refuses ApproverNotAllowed; callers may have been handed anything."""
    if not isinstance(by, User) or not by.is_active or not by.has_perm(permission):
        raise ApproverNotAllowed("Only a person who holds the permission decides.")
    return by
