"""Codes of an authenticator app: six digits from a shared seed and the time (RFC 6238, RFC 4226).

Pure but for the chance of a new seed. Times are aware datetimes, steps are whole numbers of 30 s
since 1970.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote, urlencode

STEP_S = 30
DIGITS = 6
# A phone's clock may be a step off, and people type slowly (RFC 6238, section 5.2).
AROUND = (0, -1, 1)
SEED_BYTES = 20  # as long as the hash, RFC 4226 section 4


def new_seed() -> str:
    """160 random bits as base32, which is what apps read."""
    return base64.b32encode(secrets.token_bytes(SEED_BYTES)).decode()


def step_of(now: datetime) -> int:
    """The step that `now` is in."""
    return int(now.timestamp()) // STEP_S


def code_at(seed: str, step: int) -> str:
    """The code of one step. Raises ValueError for what is no base32."""
    try:
        key = base64.b32decode(seed, casefold=True)
    except binascii.Error as error:
        raise ValueError("This is no seed.") from error
    digest = hmac.digest(key, step.to_bytes(8, "big"), hashlib.sha1)
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_matching(seed: str, code: str, *, now: datetime, after: int = -1) -> int | None:
    """The step around `now` whose code this is; None if there is none later than `after`.

    `after` is the step of the last code that was used: no code opens twice, and none from before.
    """
    current, found = step_of(now), None
    for offset in AROUND:  # all of them, so that the time it takes tells nothing
        same = hmac.compare_digest(code_at(seed, max(0, current + offset)).encode(), code.encode())
        if same and current + offset > after and found is None:
            found = current + offset
    return found


def digits_of(typed: str) -> str:
    """What was typed or pasted without spaces and dashes."""
    return "".join(sign for sign in typed if sign not in " -\u00a0\u2013\t\r\n")


def address_of(seed: str, *, name: str, issuer: str) -> str:
    """What an app reads from the picture: the seed, and what it calls the account."""
    label = quote(f"{issuer}:{name}", safe="")
    given = urlencode({"secret": seed, "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{label}?{given}"
