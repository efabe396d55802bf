"""Accounts at exchanges: their sealed keys, what those may do, whose clock is how far off."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from config import clock
from trading.errors import AccountInvalid, AccountUnknown
from trading.models import ExchangeAccount
from trading.sealing import Keyring
from trading.services._audit import record

if TYPE_CHECKING:
    from trading.brokers.live import Credentials, LiveBroker

HINT = 4


def keyring() -> Keyring:
    """The keys that seal what lies in the database; they lie outside of it."""
    env = settings.ENV
    folder = env.app_secrets_dir or settings.STATE_DIR / "secrets"
    return Keyring(folder / "seals")


def add_account(
    *, name: str, exchange: str, key: str, secret: str, by: User, now: datetime
) -> ExchangeAccount:
    """An account with its key sealed; nothing is asked of the exchange yet."""
    _check(name, exchange, key, secret)
    with transaction.atomic():
        account = ExchangeAccount.objects.create(
            name=name.strip(),
            exchange=exchange,
            key_hint=key.strip()[-HINT:],
            created_by=by,
            created_at=now,
            updated_at=now,
        )
        _seal(account, key.strip(), secret.strip())
        record(
            action="account.added",
            subject=f"account:{account.pk}",
            by=by,
            now=now,
            after={"name": account.name, "exchange": exchange, "key_hint": account.key_hint},
        )
    return account


def credentials_of(account: ExchangeAccount) -> Credentials:
    """The opened key. Raises SealBroken."""
    from trading.brokers.live import Credentials

    ring = keyring()
    return Credentials(
        key=ring.open(account.sealed_key, place=_place(account, "key")),
        secret=ring.open(account.sealed_secret, place=_place(account, "secret")),
    )


def check_account(
    *, account: ExchangeAccount, broker: LiveBroker, now: datetime
) -> ExchangeAccount:
    """Ask the exchange for its clock and for what the key may do. Raises AccountUnreachable."""
    before = clock.now_ms()
    theirs = broker.time_ms()
    middle = (before + clock.now_ms()) // 2
    rights = broker.rights()
    found = {
        "may_trade": rights.trade,
        "may_withdraw": rights.withdraw,
        "ip_bound": rights.ip_bound,
    }
    with transaction.atomic():
        ExchangeAccount.objects.filter(pk=account.pk).update(
            **found, checked_at=now, offset_ms=theirs - middle, clock_at=now, updated_at=now
        )
        record(
            action="account.checked",
            subject=f"account:{account.pk}",
            by=None,
            now=now,
            after=found,
        )
    account.refresh_from_db()
    return account


def set_account_enabled(
    *, account: ExchangeAccount, enabled: bool, by: User, now: datetime
) -> ExchangeAccount:
    """Let orders leave for this account, or none any more."""
    with transaction.atomic():
        changed = ExchangeAccount.objects.filter(pk=account.pk, enabled=not enabled).update(
            enabled=enabled, updated_at=now
        )
        if changed:
            action = "account.enabled" if enabled else "account.disabled"
            record(action=action, subject=f"account:{account.pk}", by=by, now=now)
    account.refresh_from_db()
    return account


def reseal_accounts(*, by: User | None, now: datetime) -> int:
    """Seal again what lies under an older key; how many were."""
    ring, changed = keyring(), 0
    for account in ExchangeAccount.objects.all():
        if ring.is_current(account.sealed_secret) and ring.is_current(account.sealed_key):
            continue
        opened = credentials_of(account)
        with transaction.atomic():
            _seal(account, opened.key, opened.secret)
            record(action="account.resealed", subject=f"account:{account.pk}", by=by, now=now)
        changed += 1
    return changed


def get_account(account_id: int) -> ExchangeAccount:
    """Refuses AccountUnknown."""
    found = ExchangeAccount.objects.filter(pk=account_id).first()
    if found is None:
        raise AccountUnknown(f"There is no account {account_id}.")
    return found


def _check(name: str, exchange: str, key: str, secret: str) -> None:
    wrong: dict[str, object] = {}
    if not name.strip() or len(name.strip()) > 40:
        wrong["name"] = ["1 to 40 characters."]
    elif ExchangeAccount.objects.filter(name=name.strip()).exists():
        wrong["name"] = ["There is an account of this name."]
    if exchange not in ExchangeAccount.Exchange.values:
        wrong["exchange"] = [f"One of {', '.join(ExchangeAccount.Exchange.values)}."]
    if len(key.strip()) < 8:
        wrong["key"] = ["At least 8 characters."]
    if len(secret.strip()) < 8:
        wrong["secret"] = ["At least 8 characters."]
    if wrong:
        raise AccountInvalid("This account can't be added.", fields=wrong)


def _seal(account: ExchangeAccount, key: str, secret: str) -> None:
    ring = keyring()
    account.sealed_key = ring.seal(key, place=_place(account, "key"))
    account.sealed_secret = ring.seal(secret, place=_place(account, "secret"))
    account.save(update_fields=["sealed_key", "sealed_secret"])


def _place(account: ExchangeAccount, field: str) -> str:
    return f"exchange_account:{account.pk}:{field}"
