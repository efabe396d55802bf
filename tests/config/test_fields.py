"""Money keeps every digit on both databases."""

from __future__ import annotations

from decimal import Decimal

import pytest

from marketdata.models import Symbol
from tests.marketdata.factories import make_symbol

pytestmark = pytest.mark.django_db

LONG = Decimal("12345678901234567890.12345678")


def test_every_digit_comes_back_and_is_found() -> None:
    symbol = make_symbol()
    Symbol.objects.filter(pk=symbol.pk).update(min_notional=LONG)

    symbol.refresh_from_db()

    assert symbol.min_notional == LONG
    assert Symbol.objects.filter(min_notional=LONG).exists()


def test_many_rows_are_changed_at_once() -> None:
    symbol = make_symbol()
    symbol.min_notional = LONG
    Symbol.objects.bulk_update([symbol], ["min_notional"])

    symbol.refresh_from_db()

    assert symbol.min_notional == LONG
