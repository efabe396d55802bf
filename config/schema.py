"""What the OpenAPI document shows: versioned paths once, one error shape, one scheme."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

Endpoint = tuple[str, str, str, Any]

PREFIX = "/api/v1/"
WRITES = ("post", "put", "patch", "delete")

_ERROR = {
    "type": "object",
    "required": ["code", "detail", "fields"],
    "properties": {
        "code": {"type": "string", "description": "Stable; for programs."},
        "detail": {"type": "string", "description": "For people."},
        "fields": {"type": "object", "additionalProperties": {}},
    },
}
_READ_ERRORS = {
    "400": "A parameter is wrong; `fields` says which.",
    "401": "No login.",
    "403": "The role or the token's scope does not allow it.",
    "404": "There is no such thing.",
    "503": "The database does not answer.",
}
_WRITE_ERRORS = {
    **_READ_ERRORS,
    "409": "The state does not allow it now; `fields.reasons` may say why.",
    "422": "Refused by a rule of the domain, or the key was used for another request.",
    "429": "Too many; see Retry-After.",
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "1 to 64 visible ASCII characters; a repeat gets the first answer for a day.",
    "schema": {"type": "string", "maxLength": 64},
}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`Authorization: Bearer cs_...`."""

    target_class = "trading.authentication.ApiTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


def only_versioned(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Drop the unversioned doubles of the same routes."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith(PREFIX)]


def add_conventions(result: dict[str, Any], generator: Any, **_: Any) -> dict[str, Any]:
    """What holds for every operation: the error shape, and the key of writes."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Error"] = _ERROR
    for operations in result["paths"].values():
        for method, operation in operations.items():
            writes = method in WRITES
            if writes:
                operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
            for status, meaning in (_WRITE_ERRORS if writes else _READ_ERRORS).items():
                if "security" in operation or writes:
                    operation["responses"].setdefault(status, _error(meaning))
    return result


def areas_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The document as a page shows it: operations grouped by tag, references by their names."""
    areas: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = operation.get("tags", ["other"])[0]
            areas.setdefault(tag, []).append(_entry(path, method, operation))
    return [{"name": name, "operations": entries} for name, entries in sorted(areas.items())]


def shapes_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The schemas of bodies and answers, for the same page."""
    return [
        {"name": name, "text": _plain(schema), "fields": _fields(schema)}
        for name, schema in sorted(document["components"]["schemas"].items())
        if not name.startswith("Paginated")
    ]


def _fields(schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "type": _name(part),
            "required": name in required,
            "text": _plain(part),
        }
        for name, part in schema.get("properties", {}).items()
    ]


def _entry(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    answers = [
        {"status": status, "text": _plain(answer), **_shape(answer)}
        for status, answer in sorted(operation["responses"].items())
    ]
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "text": _plain(operation),
        "parameters": [
            {**parameter, "description": _plain(parameter)}
            for parameter in operation.get("parameters", [])
        ],
        "body": _shape(operation.get("requestBody", {})),
        "answers": answers,
    }


def _shape(part: dict[str, Any]) -> dict[str, str]:
    """The schema of a body or an answer: how to call it, and the shape to look up."""
    for content in part.get("content", {}).values():
        name = _name(content.get("schema", {}))
        row = name.removeprefix("list of ").removeprefix("Paginated").removesuffix("List")
        shown = f"page of {row}" if name.startswith("Paginated") else name
        return {"shape": shown, "row": row if row[:1].isupper() else ""}
    return {"shape": "", "row": ""}


def _plain(part: dict[str, Any]) -> str:
    return str(part.get("description", "")).replace("`", "")


def _name(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"list of {_name(schema['items'])}"
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    kind = schema.get("type", "any")
    return " | ".join(kind) if isinstance(kind, list) else str(schema.get("format", kind))


def _error(meaning: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": meaning, "content": {"application/json": {"schema": schema}}}
