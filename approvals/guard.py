"""Where connections may lead: nothing private, unless a setting names it.

A name is not checked but the address that is really connected to, in the moment of connecting:
Python's audit event `socket.connect` is raised before each one, whichever library asks for it.
So a name that resolves otherwise the second time gains nothing, and neither does a redirect.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]

# IPv6 that carries an IPv4 address inside, and that `is_global` calls global.
_CARRIERS = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "::/96",
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/32",
        "2002::/16",
    )
)


class AddressRefused(OSError):
    """A connection that was not begun."""


@dataclass(slots=True)
class Guard:
    """What holds inside of one `guarded` block, and whether it had to refuse."""

    networks: Networks
    public: bool = True  # else only what `networks` names
    refused: bool = False

    def check(self, address: Any) -> None:
        """Raises AddressRefused."""
        if not _may_connect(address, self.networks, public=self.public):
            self.refused = True
            raise AddressRefused("This address is private, so nothing is sent to it.")


_guard: ContextVar[Guard | None] = ContextVar("outgoing_guard", default=None)
_installed: list[bool] = []


@contextmanager
def guarded(networks: Networks, *, public: bool = True) -> Iterator[Guard]:
    """Connections of this thread are checked until the end of the block."""
    if not _installed:
        sys.addaudithook(_on_event)  # for good: a hook can't be taken back
        _installed.append(True)
    # A proxy of the environment would connect for us, unchecked.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    guard = Guard(networks, public)
    token = _guard.set(guard)
    try:
        yield guard
    finally:
        _guard.reset(token)


def is_public(text: str) -> bool:
    """Whether an address is one of the open internet."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and any(address in net for net in _CARRIERS):
        return False
    # `is_global` alone would let multicast through.
    return address.is_global and not address.is_multicast and not address.is_reserved


def _on_event(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect":
        return
    guard = _guard.get()
    if guard is not None:
        guard.check(arguments[1])


def _may_connect(address: Any, networks: Networks, *, public: bool) -> bool:
    if not isinstance(address, tuple) or not isinstance(address[0], str):
        return False  # a socket file
    if is_public(address[0]):
        return public
    try:
        found = ipaddress.ip_address(address[0])
    except ValueError:
        return False  # a name: it would be resolved only after this
    return any(found in network for network in networks)
