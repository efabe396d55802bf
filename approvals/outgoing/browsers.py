"""Web Push: encrypted for one browser (RFC 8291), signed with the console's own key (RFC 8292)."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings

from approvals.addresses import Address
from approvals.outcomes import Attempted, Outcome, of_status
from approvals.outgoing.message import Message

TIMEOUTS_S = (5.0, 8.0)  # connecting, reading
KEPT_S = 12 * 3600  # by the push service, for a browser that is closed
GONE = frozenset({404, 410})


def push(address: Address, message: Message) -> Attempted:
    """Hand a message to the browser's push service."""
    import requests
    from py_vapid import Vapid
    from pywebpush import WebPushException, webpush

    subscription = {
        "endpoint": address["endpoint"],
        "keys": {"p256dh": address["p256dh"], "auth": address["auth"]},
    }
    data = {"title": message.title, "body": message.body, "ref": message.ref}
    with requests.Session() as session:
        session.trust_env, session.max_redirects = False, 0
        try:
            webpush(
                subscription,
                json.dumps(data),
                vapid_private_key=Vapid.from_pem(_key_file().read_bytes()),
                vapid_claims={"sub": _contact()},
                ttl=KEPT_S,
                timeout=TIMEOUTS_S,
                requests_session=session,
            )
        except WebPushException as error:
            return _judge(error.status_code)
        except requests.RequestException:
            return Attempted(Outcome.UNREACHABLE, detail="No connection, or no answer in time.")
        except ValueError:
            return Attempted(Outcome.ADDRESS_BROKEN, detail="The subscription can't be used.")
    return Attempted(Outcome.SENT)


def public_key() -> str:
    """What a browser subscribes with: the key's point, base64url without padding."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    key = serialization.load_pem_private_key(_key_file().read_bytes(), password=None)
    assert isinstance(key, EllipticCurvePrivateKey)  # noqa: S101  # we wrote it
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


def _judge(status: int | None) -> Attempted:
    if status is None:
        return Attempted(Outcome.ADDRESS_BROKEN, detail="The subscription can't be used.")
    outcome = Outcome.GONE if status in GONE else of_status(status)
    return Attempted(outcome, status, f"The push service answered HTTP {status}.")


def _contact() -> str:
    """Whom a push service may write to when something is wrong with our pushes."""
    return settings.ENV.notify_contact or "mailto:console@example.invalid"


def _key_file() -> Path:
    """The signing key; made once, because subscriptions are bound to it."""
    folder: Path = settings.ENV.app_secrets_dir or settings.STATE_DIR / "secrets"
    path = folder / "push_key.pem"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_once(path, _new_key())
    return path


def _write_once(path: Path, content: Any) -> None:
    part = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    try:
        os.link(part, path)  # of two processes one wins, and nobody reads half a key
    except FileExistsError:
        pass
    finally:
        part.unlink()


def _new_key() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
