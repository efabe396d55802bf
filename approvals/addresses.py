"""Where a channel leads: what people type, checked, and how it is shown. Pure.

An address is a small dict, sealed as JSON; `shown` never holds what would let others post.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

Address = dict[str, Any]
Wrong = dict[str, object]

SLACK = "slack"
TELEGRAM = "telegram"
EMAIL = "email"
WEBHOOK = "webhook"
PUSH = "push"

SECURITY_MODES = ("starttls", "ssl", "insecure")
LONGEST = 2_000
_SLACK = re.compile(
    r"https://hooks\.slack\.com/services/(T[A-Z0-9]{1,20})/(B[A-Z0-9]{1,20})/([A-Za-z0-9]{16,40})/?\Z"
)
_TOKEN = re.compile(r"\d{5,14}:[A-Za-z0-9_-]{30,60}\Z")
_CHAT = re.compile(r"(-?\d{1,20}|@[A-Za-z0-9_]{4,40})\Z")
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\Z")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,252}[A-Za-z0-9])?\Z")
_PLAIN = re.compile(r"[\x21-\x7e]+\Z")


def checked(kind: str, given: Mapping[str, Any]) -> tuple[Address, Wrong]:
    """The address as it is sealed, and what is wrong with it by field."""
    return _CHECKS[kind](given)


def shown(kind: str, address: Address) -> str:
    """For lists: enough to tell channels apart, too little to use one."""
    return _SHOWN[kind](address)


def _slack(given: Mapping[str, Any]) -> tuple[Address, Wrong]:
    found = _SLACK.match(str(given.get("url", "")).strip())
    if not found:
        return {}, {"url": ["An incoming webhook: https://hooks.slack.com/services/T…/B…/…"]}
    return {"token_a": found[1], "token_b": found[2], "token_c": found[3]}, {}


def _telegram(given: Mapping[str, Any]) -> tuple[Address, Wrong]:
    token, chat = str(given.get("token", "")).strip(), str(given.get("chat", "")).strip()
    wrong: Wrong = {}
    if not _TOKEN.match(token):
        wrong["token"] = ["As BotFather gave it: digits, a colon, letters."]
    if not _CHAT.match(chat):
        wrong["chat"] = ["A chat's number, or @name of a channel."]
    return {"token": token, "chat": chat}, wrong


def _email(given: Mapping[str, Any]) -> tuple[Address, Wrong]:
    address = {name: str(given.get(name) or "").strip() for name in _EMAIL_TEXTS}
    address["password"] = str(given.get("password") or "")
    wrong: Wrong = {}
    for name in ("to", "sender"):
        if not _MAIL.match(address[name]):
            wrong[name] = ["One address: name@host."]
    if not _HOST.match(address["host"]):
        wrong["host"] = ["The name of a mail server."]
    if address["security"] not in SECURITY_MODES:
        wrong["security"] = [f"One of {', '.join(SECURITY_MODES)}."]
    if bool(address["user"]) != bool(address["password"]):
        wrong["password"] = ["A user and a password, or neither."]
    port = int(given.get("port") or 0)
    if not 1 <= port <= 65535:
        wrong["port"] = ["Between 1 and 65535."]
    return {**address, "port": port}, wrong


_EMAIL_TEXTS = ("to", "sender", "host", "security", "user")


def _webhook(given: Mapping[str, Any]) -> tuple[Address, Wrong]:
    url = str(given.get("url", "")).strip()
    return {"url": url}, {} if _is_url(url, ("https", "http")) else {"url": [_URL_WORDS]}


_URL_WORDS = "A whole address, https://host/path."


def _push(given: Mapping[str, Any]) -> tuple[Address, Wrong]:
    endpoint = str(given.get("endpoint", ""))
    keys = {name: str(given.get(name, "")) for name in ("p256dh", "auth")}
    wrong: Wrong = {}
    if not _is_url(endpoint, ("https",)):
        wrong["endpoint"] = ["A browser's subscription is wanted."]
    for name, value in keys.items():
        if not re.match(r"[A-Za-z0-9_-]{16,128}={0,2}\Z", value):
            wrong[name] = ["A browser's subscription is wanted."]
    return {"endpoint": endpoint, **keys}, wrong


def _is_url(url: str, schemes: tuple[str, ...]) -> bool:
    if len(url) > LONGEST or not _PLAIN.match(url):
        return False
    try:
        parts = urlsplit(url)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        return False
    host = parts.hostname or ""
    is_host = bool(_HOST.match(host)) and not parts.fragment
    return parts.scheme in schemes and is_host and port_is_right


def _host_of(url: str) -> str:
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}/…"


def _mailbox(address: Address) -> str:
    name, _, host = str(address["to"]).partition("@")
    return f"{name[:1]}…@{host} by {address['host']}"


_CHECKS: dict[str, Callable[[Mapping[str, Any]], tuple[Address, Wrong]]] = {
    SLACK: _slack,
    TELEGRAM: _telegram,
    EMAIL: _email,
    WEBHOOK: _webhook,
    PUSH: _push,
}
_SHOWN: dict[str, Callable[[Address], str]] = {
    SLACK: lambda address: f"hooks.slack.com/…/…{address['token_c'][-4:]}",
    TELEGRAM: lambda address: f"bot {address['token'].partition(':')[0]} to {address['chat']}",
    EMAIL: _mailbox,
    WEBHOOK: lambda address: _host_of(address["url"]),
    PUSH: lambda address: _host_of(address["endpoint"]),
}
