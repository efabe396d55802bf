"""Slack, Telegram, e-mail and webhooks by apprise; browsers by Web Push."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

from approvals import addresses
from approvals.addresses import Address
from approvals.guard import Networks, guarded
from approvals.outcomes import Attempted, Outcome, of_status
from approvals.outgoing.browsers import push
from approvals.outgoing.message import Message
from approvals.topics import Severity

CONNECT_S = 5.0
READ_S = 8.0
_HTTP_STATUS = re.compile(r"error=(\d{3})\b")
_SMTP_STATUS = re.compile(r"\((\d{3}), b")


def send(kind: str, address: Address, message: Message, *, networks: Networks) -> Attempted:
    """Try once. Blocks for as long as the other side takes; raises what ends a task in time."""
    with guarded(networks) as guard:
        result = (
            push(address, message)
            if kind == addresses.PUSH
            else _by_apprise(kind, address, message)
        )
    if guard.refused and result.outcome is not Outcome.SENT:
        return Attempted(Outcome.ADDRESS_REFUSED, detail="It leads to a private network.")
    return result


def _by_apprise(kind: str, address: Address, message: Message) -> Attempted:
    from apprise import AppriseAsset, NotifyFormat
    from apprise.exception import AppriseImproperlyConfigured

    asset = AppriseAsset(
        app_id="Countersign", app_url="", async_mode=False, http_redirects=False, pgp_autogen=False
    )
    options = {"asset": asset, "cto": CONNECT_S, "rto": READ_S}
    with _heard() as lines:
        try:
            service = _SERVICES[kind](address, message, options)
        except (AppriseImproperlyConfigured, TypeError):
            return Attempted(Outcome.ADDRESS_BROKEN, detail="The address can't be used.")
        told = service.notify(
            title=message.title,
            body=message.body or message.title,
            notify_type=_type_of(message.severity),
            body_format=NotifyFormat.TEXT,
        )
    return Attempted(Outcome.SENT) if told else _judge("\n".join(lines))


def _type_of(severity: int) -> Any:
    from apprise import NotifyType

    if severity >= Severity.CRITICAL:
        return NotifyType.FAILURE
    return NotifyType.WARNING if severity >= Severity.WARNING else NotifyType.INFO


def _judge(heard: str) -> Attempted:
    """apprise answers yes or no; the status is in its log, which nobody else gets to read."""
    if found := _HTTP_STATUS.search(heard):
        status = int(found[1])
        return Attempted(of_status(status), status, f"The answer was HTTP {status}.")
    if found := _SMTP_STATUS.search(heard):
        status = int(found[1])
        outcome = Outcome.REFUSED if status >= 500 else Outcome.FAILING
        return Attempted(outcome, status, f"The mail server said {status}.")
    return Attempted(Outcome.UNREACHABLE, detail="No connection, or no answer in time.")


@contextmanager
def _heard() -> Iterator[list[str]]:
    """apprise's log lines. They may hold tokens, so none goes on to the console's own log."""
    lines: list[str] = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("apprise")
    logger.propagate, logger.handlers = False, [handler]
    logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        logger.handlers = [logging.NullHandler()]
        logger.setLevel(logging.CRITICAL)


# Each service by its own class: to find one by its name, apprise would load all 130.
def _slack(address: Address, message: Message, options: Mapping[str, Any]) -> Any:
    from apprise.plugins.slack import NotifySlack

    return NotifySlack(include_image=False, include_footer=False, **address, **options)


def _telegram(address: Address, message: Message, options: Mapping[str, Any]) -> Any:
    from apprise.plugins.telegram import NotifyTelegram

    return NotifyTelegram(
        bot_token=address["token"], targets=[address["chat"]], detect_owner=False, **options
    )


def _email(address: Address, message: Message, options: Mapping[str, Any]) -> Any:
    from apprise.plugins.email import NotifyEmail

    return NotifyEmail(
        host=address["host"],
        smtp_host=address["host"],
        port=address["port"],
        secure=address["security"] != "insecure",
        secure_mode=address["security"],
        user=quote(address["user"]),  # apprise unquotes what it gets
        password=quote(address["password"]),
        from_addr=address["sender"],
        targets=[address["to"]],
        headers={"Auto-Submitted": "auto-generated"},
        **options,
    )


def _webhook(address: Address, message: Message, options: Mapping[str, Any]) -> Any:
    from apprise.plugins.custom_json import NotifyJSON

    parts = urlsplit(address["url"])
    host = parts.hostname or ""
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return NotifyJSON(
        host=f"[{host}]" if ":" in host else host,
        port=parts.port,
        secure=parts.scheme == "https",
        user=parts.username,
        password=parts.password,
        fullpath=path,
        payload={
            "topic": message.topic,
            "severity": Severity(message.severity).name.lower(),
            "at": message.at.isoformat(),
            "ref": message.ref,
        },
        **options,
    )


_SERVICES: dict[str, Callable[[Address, Message, Mapping[str, Any]], Any]] = {
    addresses.SLACK: _slack,
    addresses.TELEGRAM: _telegram,
    addresses.EMAIL: _email,
    addresses.WEBHOOK: _webhook,
}
