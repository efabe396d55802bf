"""Phones of people in tests: an authenticator app of its own, written from RFC 6238."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User

from trading import services

PERIOD = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Phone:
    """What a person holds: the seed in the app, and the recovery codes on paper."""

    seed: str
    paper: list[str]

    def code(self, now: datetime) -> str:
        """What the app shows at `now`."""
        return totp(self.seed, int(now.timestamp()))


def totp(seed: str, seconds: int, *, digits: int = 6) -> str:
    """RFC 6238 with SHA-1 and 30 seconds, by hand and not by the product's code."""
    message = struct.pack(">Q", seconds // 30)
    mac = hmac.new(base64.b32decode(seed), message, hashlib.sha1).digest()
    (number,) = struct.unpack_from(">I", mac, mac[19] & 15)
    return str((number & 0x7FFFFFFF) % 10**digits).rjust(digits, "0")


def wrong_code(phone: Phone, now: datetime) -> str:
    """Six digits that are none of the codes around `now`."""
    right = {phone.code(now + shift * PERIOD) for shift in range(-3, 4)}
    return next(
        code
        for code in ("000000", "111111", "222222", *map(str, range(300000, 300009)))
        if code not in right
    )


def make_phone(user: User, *, now: datetime) -> Phone:
    """A second factor that was set up with the code of a minute ago: the one of `now` is unused."""
    then = now - 2 * PERIOD
    _, pending = services.begin_second_factor(user=user, now=then)
    code = totp(pending.seed, int(then.timestamp()))
    paper = services.set_second_factor(
        user=user, pending=pending, code=code, keep_session="", now=then
    )
    return Phone(pending.seed, paper)
