"""Structured logs and one correlation id from request to task."""

from __future__ import annotations

import logging
import logging.config
import re
import uuid
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

HEADER = "X-Correlation-ID"
_ACCEPTED = re.compile(r"[A-Za-z0-9._:-]{1,64}\Z")
_correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")


def correlation_id() -> str:
    """The id of the request or task that this code runs for; "" outside of both."""
    return _correlation_id.get()


def bind_correlation_id(value: str = "") -> str:
    """Set the id for this context; a new one when `value` is empty or not plain."""
    chosen = value if _ACCEPTED.match(value) else uuid.uuid4().hex
    _correlation_id.set(chosen)
    structlog.contextvars.bind_contextvars(correlation_id=chosen)
    return chosen


class CorrelationMiddleware:
    """Takes the caller's correlation id or makes one; every response carries it."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        chosen = bind_correlation_id(request.headers.get(HEADER, ""))
        if iscoroutinefunction(self.get_response):
            return self._acall(request, chosen)
        response: HttpResponseBase = self.get_response(request)
        response.headers[HEADER] = chosen
        return response

    async def _acall(self, request: HttpRequest, chosen: str) -> HttpResponseBase:
        response: HttpResponseBase = await self.get_response(request)
        response.headers[HEADER] = chosen
        return response


class LossInOneLine(logging.Filter):
    """A store that went away is news, not a defect: its traceback would tell nobody anything."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(record.msg, str) and _is_loss(error):
            record.msg = f"{record.getMessage()} ({error})"
            record.args = None
            record.exc_info = None
        return True


def _is_loss(error: BaseException | None) -> bool:
    """By name, so that no client has to be imported for it."""
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    kind = type(error)
    return kind.__module__.split(".")[0] in {"kombu", "redis"} and kind.__name__ in {
        "ConnectionError",
        "OperationalError",
        "TimeoutError",
    }


def configure_logging(*, level: str, fmt: str) -> None:
    """One line per event: coloured for people, JSON for machines."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if fmt == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(_logging(level=level, shared=shared, renderer=renderer))


def _logging(*, level: str, shared: list[Any], renderer: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    renderer,
                ],
            }
        },
        "filters": {"loss": {"()": LossInOneLine}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": ["loss"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # At DEBUG ccxt logs the API key header and the signature.
            "ccxt": {"level": "INFO"},
            "urllib3": {"level": "INFO"},
            "django.server": {"level": "WARNING"},
        },
    }
