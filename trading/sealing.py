"""Secrets at rest: AES-256-GCM, bound to the place they lie in. Pure but for the key files.

A sealed text is `v1.<key id>.<base64 of nonce, ciphertext and tag>`. Its associated data is
`<key id>|<place>`, so that a text moved to another row or field doesn't open any more.
"""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

NONCE = 12
VERSION = "v1"


class SealBroken(Exception):
    """A sealed text that was changed, moved, or whose key is gone. Never says what was in it."""


class Keyring:
    """The keys of a directory, one file of 32 random bytes each; new texts take the last one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def seal(self, secret: str, *, place: str) -> str:
        """The sealed text; `place` names table, row and field."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        kid = self._newest()
        nonce = secrets.token_bytes(NONCE)
        box = AESGCM(self._key(kid)).encrypt(nonce, secret.encode(), _bound(kid, place))
        return ".".join((VERSION, kid, base64.urlsafe_b64encode(nonce + box).decode()))

    def open(self, sealed: str, *, place: str) -> str:
        """The secret. Raises SealBroken."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            version, kid, text = sealed.split(".")
            raw = base64.urlsafe_b64decode(text)
        except ValueError:
            raise SealBroken("The sealed text is damaged.") from None
        if len(raw) <= NONCE:
            raise SealBroken("The sealed text is damaged.")
        if version != VERSION:
            raise SealBroken(f"Texts of version {version[:4]} can't be opened.")
        try:
            box = AESGCM(self._key(kid))
            return box.decrypt(raw[:NONCE], raw[NONCE:], _bound(kid, place)).decode()
        except InvalidTag:
            raise SealBroken("The sealed text was changed or moved.") from None

    def is_current(self, sealed: str) -> bool:
        """Whether the text was sealed with the newest key."""
        return sealed.split(".")[1:2] == [self._newest()]

    def add_key(self) -> str:
        """A new key for what is sealed from now on; its id."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        kid = f"k{max((int(name[1:]) for name in self._ids()), default=0) + 1}"
        path = self._folder / kid
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        return kid

    def _ids(self) -> list[str]:
        found = self._folder.glob("k*") if self._folder.is_dir() else []
        return sorted((path.name for path in found if path.name[1:].isdigit()), key=_number)

    def _newest(self) -> str:
        ids = self._ids()
        return ids[-1] if ids else self.add_key()

    def _key(self, kid: str) -> bytes:
        path = self._folder / kid
        if kid not in self._ids():
            raise SealBroken(f"The key {kid[:8]!r} is not there.")
        mode = path.stat().st_mode & 0o077
        if mode:
            raise SealBroken(f"The key file {kid} may be read by others: its mode must be 0400.")
        key = path.read_bytes()
        if len(key) != 32:
            raise SealBroken(f"The key file {kid} must hold 32 bytes.")
        return key


def _number(name: str) -> int:
    return int(name[1:])


def _bound(kid: str, place: str) -> bytes:
    return f"{kid}|{place}".encode()
