"""docs/reference/permissions.md is the table, written for people."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from tests.access import table
from tests.architecture.sources import ROOT
from trading import access

PAGE = ROOT / "docs/reference/permissions.md"
ROLES = (access.VIEWER, access.OPERATOR, access.ADMIN)

INTRODUCTION = """# Who may do what

A role is a group with permissions; they are named in `trading/access.py`. A test walks this
table: every URL, every method, every role. A URL that isn't in it fails the test.

- A **token** never may more than its owner; one with scope `read` may not write at all.
- A **session** may write only with its CSRF token, in the API too.
- Leaving an emergency stop also needs `trading.administer` and a reason, whatever the URL.
- **public** needs no login. **signed in** needs one, with or without a role.

Everything under `/admin/` is for staff, that is administrators.
"""


def test_the_page_is_the_table() -> None:
    """After a change of the table: WRITE_DOCS=1 pytest tests/access/test_permissions_page.py."""
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(written())

    assert PAGE.read_text() == written()


def written() -> str:
    return "\n".join(
        (
            INTRODUCTION,
            "## Roles\n",
            *_roles(),
            "\n## API\n\nUnder `/api/v1/` and, the same, under `/api/`.\n",
            *_table(table.API),
            "\nOlder names of the same, under `/api/` only:\n",
            *_table(table.ALIASES),
            "\n## Streams and health\n",
            *_table({**table.PLAIN, **{path: {"WS": right} for path, right in _sockets()}}),
            "\n## Pages\n",
            *_table(table.PAGES),
            "",
        )
    )


def _sockets() -> Iterator[tuple[str, str]]:
    for pattern, right in table.SOCKETS.items():
        yield pattern.replace("(?P<symbol>.+)", "<symbol>").replace("(?:v1/)?", "v1/"), right


def _roles() -> Iterator[str]:
    yield "| Permission | " + " | ".join(ROLES) + " |"
    yield "|---|" + "---|" * len(ROLES)
    for right in access.ROLE_PERMISSIONS[access.ADMIN]:
        yield f"| `{right}` | " + " | ".join(_marks(right)) + " |"


def _table(rows: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    yield "| URL | Method | Needs | " + " | ".join(ROLES) + " |"
    yield "|---|---|---|" + "---|" * len(ROLES)
    for path, rights in rows.items():
        for method, right in rights.items():
            named = f"`{right}`" if "." in right else right
            yield f"| `{path}` | {method} | {named} | " + " | ".join(_marks(right)) + " |"


def _marks(right: str) -> list[str]:
    held = [right in access.ROLE_PERMISSIONS[role] or "." not in right for role in ROLES]
    return ["yes" if yes else "-" for yes in held]
