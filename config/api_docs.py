"""The OpenAPI document, and a page that shows it without a foreign script."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from config.rendering import json_response, to_json
from config.schema import areas_of, shapes_of
from trading import access


class SchemaView(APIView):
    permission_classes = (access.MayView,)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """OpenAPI 3 as JSON."""
        return json_response(to_json(document()))


@require_safe
@permission_required(access.VIEW, raise_exception=True)
def docs_page(request: HttpRequest) -> HttpResponse:
    """Every endpoint by area, with parameters, bodies and answers."""
    context = {"areas": areas_of(document()), "shapes": shapes_of(document())}
    return render(request, "api/docs.html", context)


@cache
def document() -> dict[str, Any]:
    """The document of this process's code; it can't change while the process lives."""
    generator: Any = SchemaGenerator
    document: dict[str, Any] = generator().get_schema(request=None, public=True)
    return document
