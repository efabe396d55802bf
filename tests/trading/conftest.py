"""What every test of trading leaves as it found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from trading.services._audit import heads_file


@pytest.fixture(autouse=True)
def no_exported_heads() -> Iterator[None]:
    """The heads outlive a test's database, so they'd say that its events are gone."""
    heads_file().unlink(missing_ok=True)
    yield
    heads_file().unlink(missing_ok=True)
