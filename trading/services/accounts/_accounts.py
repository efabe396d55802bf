"""Accounts at exchanges: their sealed keys, what those may do, whose clock is how far off."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
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
from trading.services._limits import (
    agreed_by,
    check_may_loosen,
    checked_limits,
    weigh_account,
)

if TYPE_CHECKING:
    from trading.brokers.live import Credentials

HINT = 4
UNCHECKED: Mapping[str, None] = dict.fromkeys(
    ("may_trade", "may_withdraw", "ip_bound", "checked_at")
)


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
    agreed: Collection[User] = (),
) -> ExchangeAccount:
    """What bots may buy with an account, whatever their grants say; amounts in the quote asset.

    Looser ones, while a bot is live with it, need as many others who `agreed` as the policy says:
    LimitsNeedApproval.
    """
    wanted = checked_limits(symbols=symbols, max_order=max_order, max_exposure=max_exposure)
    with transaction.atomic():
        account = _locked(account_id)
        before = _limits(account)
        check_may_loosen(
            weigh_account(account=account, limits=asdict(wanted)), by=by, agreed=agreed
        )
        account.symbols = list(wanted.symbols)
        account.max_order, account.max_exposure = max_order, max_exposure
        account.updated_at = now
        account.save(update_fields=["symbols", "max_order", "max_exposure", "updated_at"])
        _record("account.limits_set", account, by, now, before, _limits(account), agreed)
    return account


def update_account(
    *, account_id: int, changes: Mapping[str, Any], by: User, now: datetime
) -> ExchangeAccount:
    """Change `enabled`, `symbols`, `max_order` or `max_exposure`; what isn't named stays.

    Refuses what `set_account_limits` refuses.
    """
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


def get_account(account_id: int, *, lock: bool = False) -> ExchangeAccount:
    """Refuses AccountUnknown; with `lock` the row is held until the transaction ends."""
    rows = ExchangeAccount.objects.filter(pk=account_id, removed_at=None)
    found = (rows.select_for_update(no_key=True) if lock else rows).first()
    if found is None:
        raise AccountUnknown(f"There is no account {account_id}.")
    return found


def _locked(account_id: int) -> ExchangeAccount:
    return get_account(account_id, lock=True)


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
    agreed: Collection[User] = (),
) -> None:
    record(
        action=action,
        subject=f"account:{account.pk}",
        by=by,
        now=now,
        before=before,
        after=after,
        reason=agreed_by(agreed),
    )


@sensitive_variables("key", "secret")
def _seal(account: ExchangeAccount, key: str, secret: str) -> None:
    ring = keyring()
    account.sealed_key = ring.seal(key, place=_place(account, "key"))
    account.sealed_secret = ring.seal(secret, place=_place(account, "secret"))
    account.save(update_fields=["sealed_key", "sealed_secret"])


def _place(account: ExchangeAccount, field: str) -> str:
    return f"exchange_account:{account.pk}:{field}"
