"""Workers make the clients of exchanges before an order needs one."""

from __future__ import annotations

import pytest

from tests.trading.factories import make_account
from trading import services
from trading.models import ExchangeAccount
from trading.services.accounts import _brokers

pytestmark = pytest.mark.django_db


def test_the_client_of_each_account_in_use_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_brokers, "_made", {})
    used, off = make_account("used"), make_account("off", exchange="bybit")
    ExchangeAccount.objects.filter(pk=off.pk).update(enabled=False)

    assert services.warm_brokers() == 1
    assert set(_brokers._made) == {used.pk}
    made = _brokers._made[used.pk][1]
    services.warm_brokers()
    assert _brokers._made[used.pk][1] is made


def test_an_account_whose_key_can_not_be_opened_keeps_no_other_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_brokers, "_made", {})
    broken, fine = make_account("broken"), make_account("fine", exchange="bybit")
    ExchangeAccount.objects.filter(pk=broken.pk).update(sealed_secret="v1:none:rubbish")

    assert services.warm_brokers() == 1
    assert set(_brokers._made) == {fine.pk}
