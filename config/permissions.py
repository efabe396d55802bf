"""Permission classes of the API: nothing is open unless a view says so."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import User
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class DenyUnlessDeclared(BasePermission):
    """The default: a view that names no permission class answers nobody."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return False


class Holds(BasePermission):
    """A person or token that holds `permission`; subclass it in an app's `access.py`."""

    permission: ClassVar[str]

    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(request.user and request.user.has_perm(self.permission))


def person(request: Request) -> User:
    """Who acts; a view behind a permission class always has somebody."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user
