"""Accounts at exchanges: their sealed keys, what those may do, whose clock is how far off."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from trading.errors import AccountInUse, AccountInvalid, AccountUnknown
from trading.models import Bot, ExchangeAccount, Order
from trading.order_state import LIVE
from trading.sealing import Keyring
from trading.services._audit import record

if TYPE_CHECKING:
    from trading.brokers.live import Credentials

HINT = 4
MOST_SYMBOLS = 50
MOST = Decimal(10**12)
UNCHECKED: Mapping[str, None] = dict.fromkeys(
    ("may_trade", "may_withdraw", "ip_bound", "checked_at")
)
_SYMBOL = re.compile(r"[A-Z0-9]{1,15}/[A-Z0-9]{2,10}\Z")


def keyring() -> Keyring:
    """The keys that seal what lies in the database; they lie outside of it."""
    env = settings.ENV
    folder = env.app_secrets_dir or settings.STATE_DIR / "secrets"
    return Keyring(folder / "seals")


@sensitive_variables("key", "secret")
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


@sensitive_variables("key", "secret")
def replace_key(
    *, account_id: int, key: str, secret: str, by: User, now: datetime
) -> ExchangeAccount:
    """Another key for an account; it buys nothing before that key was checked."""
    if wrong := _key_wrong(key, secret):
        raise AccountInvalid("This key can't be taken.", fields=wrong)
    with transaction.atomic():
        account = _locked(account_id)
        before = {"key_hint": account.key_hint}
        account.key_hint, account.updated_at = key.strip()[-HINT:], now
        for name in UNCHECKED:
            setattr(account, name, None)
        account.save(update_fields=["key_hint", "updated_at", *UNCHECKED])
        _seal(account, key.strip(), secret.strip())
        _record("account.key_replaced", account, by, now, before, {"key_hint": account.key_hint})
    return account


def set_account_limits(
    *,
    account_id: int,
    symbols: Sequence[str],
    max_order: Decimal,
    max_exposure: Decimal,
    by: User,
    now: datetime,
) -> ExchangeAccount:
    """What bots may buy with an account, whatever their grants say; amounts in the quote asset."""
    names = list(dict.fromkeys(name.strip().upper() for name in symbols))
    if wrong := _limits_wrong(names, max_order, max_exposure):
        raise AccountInvalid("These limits can't be set.", fields=wrong)
    with transaction.atomic():
        account = _locked(account_id)
        before = _limits(account)
        account.symbols, account.max_order, account.max_exposure = names, max_order, max_exposure
        account.updated_at = now
        account.save(update_fields=["symbols", "max_order", "max_exposure", "updated_at"])
        _record("account.limits_set", account, by, now, before, _limits(account))
    return account


def update_account(
    *, account_id: int, changes: Mapping[str, Any], by: User, now: datetime
) -> ExchangeAccount:
    """Change `enabled`, `symbols`, `max_order` or `max_exposure`; what isn't named stays."""
    with transaction.atomic():
        account = _locked(account_id)
        limits = {name: changes.get(name, getattr(account, name)) for name in _limits(account)}
        if set(limits) & set(changes):
            account = set_account_limits(account_id=account_id, by=by, now=now, **limits)
        if "enabled" in changes:
            enabled = bool(changes["enabled"])
            account = set_account_enabled(account=account, enabled=enabled, by=by, now=now)
    return account


def remove_account(*, account_id: int, by: User, now: datetime) -> ExchangeAccount:
    """Forget the key. Refused while an order may still fill or a bot is live with it.

    The row stays: orders of the past name it.
    """
    with transaction.atomic():
        account = _locked(account_id)
        reasons = _in_use(account)
        if reasons:
            raise AccountInUse(f"{account.name} is needed.", fields={"reasons": reasons})
        ExchangeAccount.objects.filter(pk=account.pk).update(
            **UNCHECKED,
            enabled=False,
            sealed_key="",
            sealed_secret="",
            removed_at=now,
            updated_at=now,
        )
        record(action="account.removed", subject=f"account:{account.pk}", by=by, now=now)
    account.refresh_from_db()
    return account


def credentials_of(account: ExchangeAccount) -> Credentials:
    """The opened key. Raises SealBroken."""
    from trading.brokers.live import Credentials

    ring = keyring()
    return Credentials(
        key=ring.open(account.sealed_key, place=_place(account, "key")),
        secret=ring.open(account.sealed_secret, place=_place(account, "secret")),
    )


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


def rotate_seals(*, by: User | None, now: datetime) -> int:
    """A new key for what lies in the database, and everything under it; how many accounts were
    sealed anew. The old key files may go once no backup needs them."""
    keyring().add_key()
    return reseal_accounts(by=by, now=now)


@sensitive_variables("opened")
def reseal_accounts(*, by: User | None, now: datetime) -> int:
    """Seal again what lies under an older key; how many were."""
    ring, changed = keyring(), 0
    for account_id in ExchangeAccount.objects.filter(removed_at=None).values_list("pk", flat=True):
        with transaction.atomic():
            account = _locked(account_id)  # a key that is replaced meanwhile must not come back
            if ring.is_current(account.sealed_secret) and ring.is_current(account.sealed_key):
                continue
            opened = credentials_of(account)
            _seal(account, opened.key, opened.secret)
            record(action="account.resealed", subject=f"account:{account.pk}", by=by, now=now)
        changed += 1
    return changed


def get_account(account_id: int) -> ExchangeAccount:
    """Refuses AccountUnknown."""
    found = ExchangeAccount.objects.filter(pk=account_id, removed_at=None).first()
    if found is None:
        raise AccountUnknown(f"There is no account {account_id}.")
    return found


def _locked(account_id: int) -> ExchangeAccount:
    rows = ExchangeAccount.objects.select_for_update(no_key=True)
    found = rows.filter(pk=account_id, removed_at=None).first()
    if found is None:
        raise AccountUnknown(f"There is no account {account_id}.")
    return found


def _in_use(account: ExchangeAccount) -> list[str]:
    orders = Order.objects.filter(account=account, status__in=LIVE)
    bots = Bot.objects.filter(account=account, paper_mode=False)
    reasons = [f"Order {order.client_order_id} may still fill." for order in orders[:5]]
    return reasons + [f"{bot.name} is live with it: bring it back to paper." for bot in bots[:5]]


@sensitive_variables("key", "secret")
def _check(name: str, exchange: str, key: str, secret: str) -> None:
    wrong: dict[str, object] = {}
    if not name.strip() or len(name.strip()) > 40:
        wrong["name"] = ["1 to 40 characters."]
    elif ExchangeAccount.objects.filter(name=name.strip(), removed_at=None).exists():
        wrong["name"] = ["There is an account of this name."]
    if exchange not in ExchangeAccount.Exchange.values:
        wrong["exchange"] = [f"One of {', '.join(ExchangeAccount.Exchange.values)}."]
    wrong |= _key_wrong(key, secret)
    if wrong:
        raise AccountInvalid("This account can't be added.", fields=wrong)


@sensitive_variables("key", "secret", "given", "text")
def _key_wrong(key: str, secret: str) -> dict[str, object]:
    given = {"key": key.strip(), "secret": secret.strip()}
    # More would be no key of theirs, and what isn't ASCII can't be a header.
    right = {name: 8 <= len(text) <= 256 and text.isascii() for name, text in given.items()}
    return {name: ["8 to 256 plain characters."] for name, ok in right.items() if not ok}


def _limits_wrong(
    symbols: Sequence[str], max_order: Decimal, max_exposure: Decimal
) -> dict[str, object]:
    wrong: dict[str, object] = {}
    if len(symbols) > MOST_SYMBOLS or not all(_SYMBOL.match(name) for name in symbols):
        wrong["symbols"] = [f"At most {MOST_SYMBOLS} names like BTC/USDT."]
    elif len({name.partition("/")[2] for name in symbols}) > 1:
        wrong["symbols"] = ["All need one quote asset: the amounts are in it."]
    for name, value in {"max_order": max_order, "max_exposure": max_exposure}.items():
        if not value.is_finite() or not 0 <= value <= MOST:
            wrong[name] = [f"Between 0 and {MOST:f}."]
    if not wrong and max_order > max_exposure:
        wrong["max_order"] = ["No order can be larger than all positions together."]
    return wrong


def _limits(account: ExchangeAccount) -> dict[str, Any]:
    return {
        "symbols": account.symbols,
        "max_order": account.max_order,
        "max_exposure": account.max_exposure,
    }


def _record(
    action: str,
    account: ExchangeAccount,
    by: User | None,
    now: datetime,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    record(
        action=action,
        subject=f"account:{account.pk}",
        by=by,
        now=now,
        before=before,
        after=after,
    )


@sensitive_variables("key", "secret")
def _seal(account: ExchangeAccount, key: str, secret: str) -> None:
    ring = keyring()
    account.sealed_key = ring.seal(key, place=_place(account, "key"))
    account.sealed_secret = ring.seal(secret, place=_place(account, "secret"))
    account.save(update_fields=["sealed_key", "sealed_secret"])


def _place(account: ExchangeAccount, field: str) -> str:
    return f"exchange_account:{account.pk}:{field}"
