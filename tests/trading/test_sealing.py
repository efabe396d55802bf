"""Secrets at rest open only where they were put, with the key that sealed them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.trading.factories import NOW, make_account, make_user
from trading import services
from trading.errors import AccountInvalid
from trading.models import ExchangeAccount
from trading.sealing import Keyring, SealBroken

PLACE = "credential:1:secret"


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    return Keyring(tmp_path / "seals")


def test_what_was_sealed_opens_again(ring: Keyring) -> None:
    sealed = ring.seal("a secret", place=PLACE)
    assert "a secret" not in sealed
    assert ring.open(sealed, place=PLACE) == "a secret"
    assert ring.seal("a secret", place=PLACE) != sealed


def test_the_format_is_the_published_vector(tmp_path: Path) -> None:
    box = AESGCM(bytes(range(32))).encrypt(bytes(12), b"secret", b"k1|credential:1:secret")
    assert box.hex() == "7dd9d6acd058c3a79d18893808ae0e37f09c356ea64e"
    folder = tmp_path / "seals"
    folder.mkdir()
    (folder / "k1").write_bytes(bytes(range(32)))
    (folder / "k1").chmod(0o400)
    sealed = "v1.k1." + base64.urlsafe_b64encode(bytes(12) + box).decode()
    assert Keyring(folder).open(sealed, place=PLACE) == "secret"


def test_a_text_that_was_moved_does_not_open(ring: Keyring) -> None:
    sealed = ring.seal("a secret", place=PLACE)
    with pytest.raises(SealBroken):
        ring.open(sealed, place="credential:2:secret")


def test_a_text_under_another_key_id_does_not_open(ring: Keyring) -> None:
    sealed = ring.seal("a secret", place=PLACE)
    ring.add_key()
    with pytest.raises(SealBroken):
        ring.open(sealed.replace(".k1.", ".k2."), place=PLACE)


@pytest.mark.parametrize(
    "broken", ["", "v1", "v1.k1", "v2.k1.AAAA", "v1.k1.!", "v1.k9.AAAA", "a.b.c.d"]
)
def test_rubbish_is_refused_without_saying_what_was_in_it(ring: Keyring, broken: str) -> None:
    ring.seal("a secret", place=PLACE)
    with pytest.raises(SealBroken):
        ring.open(broken, place=PLACE)


def test_every_flipped_bit_is_noticed(ring: Keyring) -> None:
    version, kid, text = ring.seal("a secret", place=PLACE).split(".")
    raw = base64.urlsafe_b64decode(text)
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealBroken):
            ring.open(f"{version}.{kid}.{base64.urlsafe_b64encode(changed).decode()}", place=PLACE)


def test_a_key_file_that_others_may_read_is_not_used(ring: Keyring, tmp_path: Path) -> None:
    sealed = ring.seal("a secret", place=PLACE)
    (tmp_path / "seals" / "k1").chmod(0o440)
    with pytest.raises(SealBroken, match="0400"):
        ring.open(sealed, place=PLACE)


@pytest.mark.django_db
class TestAccount:
    def test_a_key_lies_sealed_and_shows_only_its_end(self) -> None:
        account = make_account(key="public-key-1234", secret="very-secret-5678")
        stored = str(ExchangeAccount.objects.values().get())
        assert "public-key" not in stored
        assert "very-secret" not in stored
        assert account.key_hint == "1234"
        opened = services.credentials_of(account)
        assert (opened.key, opened.secret) == ("public-key-1234", "very-secret-5678")

    def test_keys_of_two_accounts_cannot_be_swapped(self) -> None:
        one, other = make_account("one"), make_account("other")
        ExchangeAccount.objects.filter(pk=one.pk).update(sealed_secret=other.sealed_secret)
        one.refresh_from_db()
        with pytest.raises(SealBroken):
            services.credentials_of(one)

    def test_a_new_key_seals_everything_anew(self) -> None:
        account = make_account()
        assert services.reseal_accounts(by=None, now=NOW) == 0
        services.keyring().add_key()
        assert services.reseal_accounts(by=make_user("admin"), now=NOW) == 1
        before = account.sealed_secret
        account.refresh_from_db()
        assert account.sealed_secret != before
        assert services.credentials_of(account).secret == "s" * 12

    def test_a_wrong_account_is_refused_by_its_fields(self) -> None:
        make_account("main")
        with pytest.raises(AccountInvalid) as refused:
            services.add_account(
                name="main", exchange="mtgox", key="short", secret="", by=make_user(), now=NOW
            )
        assert set(refused.value.fields) == {"name", "exchange", "key", "secret"}
