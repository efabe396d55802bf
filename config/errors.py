"""Where refusals and errors become HTTP: one JSON shape for programs, notices for people."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from rest_framework import exceptions
from rest_framework.response import Response

from config.refusals import Refusal

log = structlog.get_logger(__name__)

NO_DATABASE = "The database does not answer."

# DRF's own codes differ between its versions; these are ours and documented.
_CODES: dict[type[exceptions.APIException], str] = {
    exceptions.ValidationError: "INVALID",
    exceptions.ParseError: "MALFORMED",
    exceptions.AuthenticationFailed: "AUTHENTICATION_FAILED",
    exceptions.NotAuthenticated: "NOT_AUTHENTICATED",
    exceptions.PermissionDenied: "FORBIDDEN",
    exceptions.NotFound: "NOT_FOUND",
    exceptions.MethodNotAllowed: "METHOD_NOT_ALLOWED",
    exceptions.NotAcceptable: "NOT_ACCEPTABLE",
    exceptions.UnsupportedMediaType: "UNSUPPORTED_MEDIA_TYPE",
    exceptions.Throttled: "THROTTLED",
}


def api_exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """`{"code", "detail", "fields"}` for everything expected; None (a 500) for a bug."""
    if isinstance(error, Refusal):
        body = _body(error.code, error.detail, error.fields)
        return Response(body, status=error.status, headers=_headers_of(error))
    if isinstance(error, OperationalError | InterfaceError):
        log.error("database.unavailable", error=str(error))
        return Response(_body("UNAVAILABLE", NO_DATABASE), status=503)
    known = _as_api_exception(error)
    if known is None:
        return None
    return Response(_body_of(known), status=known.status_code, headers=_headers_of(known))


def _as_api_exception(error: Exception) -> exceptions.APIException | None:
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, ValidationError):
        return exceptions.ValidationError(error.messages)
    return None


def _headers_of(error: Exception) -> dict[str, str]:
    headers: dict[str, str] = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(challenge)
    wait = getattr(error, "retry_after_s", None) or getattr(error, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(max(1, int(wait)))
    return headers


def _body_of(error: exceptions.APIException) -> dict[str, object]:
    code = next((ours for kind, ours in _CODES.items() if isinstance(error, kind)), "ERROR")
    if isinstance(error, exceptions.ValidationError):
        return _validation_body(error.detail)
    detail = str(error.detail)
    if detail.startswith("CSRF Failed"):
        code = "CSRF_FAILED"
    return _body(code, detail)


def _validation_body(detail: Any) -> dict[str, object]:
    if not isinstance(detail, dict):
        return _body("INVALID", " ".join(str(item) for item in _flat(detail)))
    fields = dict(detail)
    general = fields.pop("non_field_errors", [])
    if general:
        return _body("INVALID", " ".join(str(item) for item in _flat(general)), fields)
    return _body("INVALID", f"Not valid: {', '.join(map(str, fields))}.", fields)


def _flat(detail: Any) -> list[Any]:
    return list(detail) if isinstance(detail, list | tuple) else [detail]


def _body(code: str, detail: str, fields: Mapping[str, object] | None = None) -> dict[str, object]:
    return {"code": code, "detail": detail, "fields": dict(fields or {})}


class DomainErrorMiddleware:
    """Turns what the services refuse into an answer; anything else goes on as it is.

    Only sync, on purpose: as the innermost layer it makes the whole chain around it sync, so
    that a request under ASGI changes threads once and not once for each middleware.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Django calls it for an exception that a view let through."""
        if isinstance(error, Refusal):
            return answer(
                request,
                status=error.status,
                code=error.code,
                detail=error.detail,
                fields=error.fields,
            )
        return None


def answer(
    request: HttpRequest,
    *,
    status: int,
    code: str,
    detail: str,
    fields: Mapping[str, object] | None = None,
) -> HttpResponse:
    """JSON for the API, a notice for htmx, else a page; always with the real status."""
    body = _body(code, detail, fields)
    if is_api(request):
        return HttpResponse(orjson.dumps(body), content_type="application/json", status=status)
    context = {"level": "error", "status": status, "title": HTTPStatus(status).phrase, **body}
    if getattr(request, "htmx", False):
        response = render(request, "components/notice.html", context, status=status)
        response["HX-Retarget"] = "#notices"
        response["HX-Reswap"] = "innerHTML"
        return response
    return render(request, "error.html", context, status=status)


def is_api(request: HttpRequest) -> bool:
    """Whether the caller is a program: it gets JSON, never a page."""
    return request.path.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler400."""
    return answer(request, status=400, code="MALFORMED", detail="The request can't be understood.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler403."""
    return answer(request, status=403, code="FORBIDDEN", detail="Your role does not allow this.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler404."""
    return answer(request, status=404, code="NOT_FOUND", detail="There is nothing here.")


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """CSRF_FAILURE_VIEW."""
    return answer(
        request,
        status=403,
        code="CSRF_FAILED",
        detail="This page is out of date: reload it and try again.",
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500. A page without the database, the session or a context processor."""
    code, status = "INTERNAL_ERROR", 500
    detail = "Something went wrong on our side; the log has it under the correlation id."
    # The session is read before any view: then nobody but this handler sees that it failed.
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        code, status, detail = "UNAVAILABLE", 503, NO_DATABASE
    if is_api(request):
        body = orjson.dumps(_body(code, detail))
        return HttpResponse(body, content_type="application/json", status=status)
    return render(None, "500.html", {"detail": detail}, status=status)
