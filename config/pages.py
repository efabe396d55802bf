"""How a view answers: a page or one of its fragments, the notice after a command, a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails

PER_PAGE = 50


class Request(HttpRequest):
    """What every view of the console gets: somebody who is signed in, perhaps by htmx."""

    user: User
    htmx: HtmxDetails


def page(
    request: Request,
    template: str,
    context: Mapping[str, Any],
    *,
    parts: Collection[str] = (),
    status: int = 200,
) -> HttpResponse:
    """The whole page, or only the partial that htmx asks for: its name is its target's id.

    Values of `context` may be callables without arguments: only what is shown is read.
    """
    target = request.htmx.target if request.htmx else None
    wanted = target in parts and not request.htmx.history_restore_request
    response = render(
        request, f"{template}#{target}" if wanted else template, dict(context), status=status
    )
    # Else the browser's Back may show a fragment that it cached under the page's address.
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


@dataclass(frozen=True, slots=True)
class Undo:
    """The command that takes one back: where it is posted to, and with which fields."""

    url: str
    fields: Mapping[str, str] = field(default_factory=dict)


def done(
    request: Request, message: str, *, to: str, level: str = "success", undo: Undo | None = None
) -> HttpResponse:
    """After a command: htmx shows a notice and the page reads itself again; else a redirect."""
    if request.htmx:
        context = {"level": level, "detail": message, "undo": undo}
        response = render(request, "components/notice.html", context)
        response["HX-Retarget"] = "#notices"
        response["HX-Reswap"] = "innerHTML"
        response["HX-Trigger"] = "refresh"
        return response
    messages.add_message(request, getattr(messages, level.upper()), message)
    return redirect(to)


def go(request: Request, message: str, *, to: str) -> HttpResponse:
    """After a command that made something: the browser goes there and finds the notice."""
    messages.success(request, message)
    if not request.htmx:
        return redirect(to)
    response = HttpResponse(status=204)
    response["HX-Redirect"] = to
    return response


def pages_of(
    request: HttpRequest, rows: QuerySet[Any] | list[Any], *, per_page: int = PER_PAGE
) -> Page[Any]:
    """The page that the address names; the nearest one when there is no such page."""
    return Paginator(rows, per_page).get_page(request.GET.get("page"))


def csv_file(
    filename: str, header: Iterable[str], rows: Iterable[Iterable[object]]
) -> HttpResponse:
    """Rows as a CSV download."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def _cell(value: object) -> object:
    # A spreadsheet runs text that begins like a formula; an apostrophe keeps it text.
    if isinstance(value, str) and value[:1] in {"=", "+", "@", "\t", "\r"}:
        return f"'{value}"
    return "" if value is None else value


def whole_number(params: Mapping[str, str], name: str) -> int | None:
    """A number that our own pages put into an address; None for anything else."""
    value = params.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None
