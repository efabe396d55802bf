"""What the OpenAPI document shows: the versioned paths, once."""

from __future__ import annotations

from typing import Any

Endpoint = tuple[str, str, str, Any]


def only_versioned(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Drop the unversioned doubles of the same routes, and the schema's own pages."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/v1/")]
