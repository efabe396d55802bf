"""Django's migrate, which lays the triggers and so must run where they are missing."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate


class Command(migrate.Command):
    def get_check_kwargs(self, options: dict[str, Any]) -> Any:
        """Ask the code, not yet the database: its check would refuse what mends it."""
        return {**super().get_check_kwargs(options), "databases": None}
