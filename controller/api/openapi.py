"""The OpenAPI document, completed with what FastAPI cannot know.

That is: who may call, which errors there are, which bodies documents have, and the report route.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from controller.api.access import Access
from controller.api.report_route import ACCESS, PATH, RECEIPT
from controller.api.route import Route
from controller.api.webhooks import route as webhook_route
from controller.api.webhooks.providers import PROVIDERS
from controller.intake.wire import REPORT
from controller.model.documents import Check, Policy, Waiver

Json = dict[str, Any]
_REF: Final = "#/components/schemas/{model}"
_DOCUMENTS: Final[dict[str, type[BaseModel]]] = {
    "/api/v1/compliance/policies": Policy,
    "/api/v1/compliance/checks": Check,
    "/api/v1/compliance/exceptions": Waiver,
}
_SERVER_MADE: Final = frozenset({"id"})
_ERRORS: Final = {
    400: "The body is not well-formed, or its id is not the address's.",
    401: "The token is missing, unknown, expired or revoked.",
    403: "The caller may not do this.",
    404: "It does not exist, or the caller may not know that it does.",
    405: "The page does not take this method.",
    408: "The body took too long to arrive.",
    409: "It collides with what is stored, or with what git declares (GIT_MANAGED).",
    412: "It has changed since the caller read it.",
    413: "The body is too large.",
    415: "The body is not JSON, or encoded.",
    422: "A field or a parameter is not acceptable; errors names each.",
    429: "Too many requests; Retry-After says when to come back.",
    503: "Not now; Retry-After says when to come back.",
}
_ERROR_SCHEMA: Final[Json] = {
    "type": "object",
    "title": "Error",
    "description": "What every error answers; the code says which further fields there are.",
    "required": ["detail", "status", "code"],
    "properties": {
        "detail": {"type": "string", "description": "What is wrong and what to do."},
        "status": {"const": "error"},
        "code": {"type": "string", "pattern": "^[A-Z][A-Z_]*$"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def describe(app: FastAPI, routers: tuple[APIRouter, ...]) -> Json:
    """The whole document."""
    document = get_openapi(
        title="Gitward",
        version=app.version,
        description="Endpoint compliance from git: policies, checks, exceptions, scores.",
        routes=app.routes,
    )
    schemas: Json = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Error"] = _ERROR_SCHEMA
    _add_report_route(document, schemas)
    _add_webhook_route(document, schemas)
    _add_document_bodies(document, schemas)
    document["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A user's or agent's token."}
    }
    for method, path, access in _accesses(routers):
        if path in document["paths"]:
            _complete(document["paths"][path][method], method, path, access)
    return document


def _accesses(routers: tuple[APIRouter, ...]) -> Iterator[tuple[str, str, Access]]:
    yield "post", PATH, ACCESS
    for router in routers:
        for route in router.routes:
            if isinstance(route, Route):
                for method in sorted(route.methods or ()):
                    yield method.lower(), route.path, route.access


def _complete(operation: Json, method: str, path: str, access: Access) -> None:
    statuses = {405, 429, 503}
    if not access.anyone:
        statuses |= {401, 403}
        operation["security"] = [{"bearer": []}, *([{}] if access.loopback else [])]
        operation["description"] = f"{operation.get('description', '')} {_who(access)}".strip()
    if "/enrollment/" in path:
        statuses.add(401)
    if "{" in path:
        statuses |= {404, 422}
    if "requestBody" in operation:
        statuses |= {400, 404, 408, 409, 413, 415, 422}
    if method in {"put", "delete", "post"}:
        statuses |= {403, 404, 409, 412, 422}
    if operation.get("parameters"):
        statuses.add(422)
        for parameter in operation["parameters"]:
            parameter.get("schema", {}).pop("title", None)
    for status in sorted(statuses):
        operation["responses"][str(status)] = {
            "description": _ERRORS[status],
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
    if method == "get" and "200" in operation["responses"] and path.startswith("/api/"):
        operation["responses"]["304"] = {
            "description": "The caller has this state (If-None-Match)."
        }


def _who(access: Access) -> str:
    if access.role is None:
        return "Only a machine, for itself."
    also = "; also a machine, for itself" if access.agent else ""
    return f"Needs the role {access.role}{also}."


def _add_document_bodies(document: Json, schemas: Json) -> None:
    """POST takes a document without its id if need be; PUT takes any part of one, null for defaults."""
    wanted = [(model, "validation") for model in _DOCUMENTS.values()]
    _, made = models_json_schema(wanted, ref_template=_REF)  # type: ignore[arg-type]
    for name, schema in made["$defs"].items():
        if name not in {model.__name__ for model in _DOCUMENTS.values()}:
            schemas.setdefault(name, schema)
    for path, model in _DOCUMENTS.items():
        schema = made["$defs"][model.__name__]
        required = [name for name in schema["required"] if name not in _SERVER_MADE]
        nullable = {
            name: {"anyOf": [field, {"type": "null"}]} if name not in required else field
            for name, field in schema["properties"].items()
        }
        partial = {name: {"anyOf": [f, {"type": "null"}]} for name, f in nullable.items()}
        new = f"New{model.__name__}"
        schemas[new] = {**schema, "title": new, "required": required, "properties": nullable}
        part = f"{model.__name__}Part"
        schemas[part] = {**schema, "title": part, "properties": partial}
        schemas[part].pop("required")
        _set_body(document["paths"][path]["post"], new)
        _set_body(document["paths"][path + "/{id}"]["put"], part)


def _set_body(operation: Json, schema: str) -> None:
    operation["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _add_report_route(document: Json, schemas: Json) -> None:
    for adapter, name, mode in (
        (REPORT, "Report", "validation"),
        (RECEIPT, "Receipt", "serialization"),
    ):
        schema = adapter.json_schema(ref_template=_REF, mode=mode)  # type: ignore[arg-type]
        schemas.update(schema.pop("$defs", {}))
        schemas[name] = schema
    document["paths"][PATH] = {
        "post": {
            "tags": ["agents"],
            "summary": "Report results",
            "description": "Take a machine's results; 200 means that they are on disk. gzip is taken.",
            "operationId": "report_results",
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": _REF.format(model="Report")}}},
            },
            "responses": {
                "200": {
                    "description": "What became of the report.",
                    "content": {
                        "application/json": {"schema": {"$ref": _REF.format(model="Receipt")}}
                    },
                }
            },
        }
    }


def _add_webhook_route(document: Json, schemas: Json) -> None:
    schema = webhook_route.TAKEN.json_schema(ref_template=_REF, mode="serialization")
    schemas.update(schema.pop("$defs", {}))
    schemas["Taken"] = schema
    good = {"content": {"application/json": {"schema": {"$ref": _REF.format(model="Taken")}}}}
    bad = {"content": {"application/json": {"schema": {"$ref": _REF.format(model="Error")}}}}
    errors = {401, 404, 405, 408, 413, 429, 503}
    texts = {
        "200": "A ping, a push to another ref, an event that is no push, or a delivery seen before.",
        "202": "A pass is asked for; of a suspended source, once it is resumed.",
    }
    document["paths"][webhook_route.PATH] = {
        "post": {
            "tags": ["gitops"],
            "summary": "Take a webhook",
            "description": "Signed by the host over the raw body; nothing in it is trusted.",
            "operationId": "take_webhook",
            "parameters": [
                {"name": "source", "in": "path", "required": True, "schema": {"type": "string"}},
                {
                    "name": "provider",
                    "in": "path",
                    "required": True,
                    "schema": {"type": "string", "enum": list(PROVIDERS)},
                },
            ],
            "requestBody": {"content": {"application/json": {"schema": {}}}},
            "responses": {
                **{status: {"description": text, **good} for status, text in texts.items()},
                **{str(each): {"description": _ERRORS[each], **bad} for each in sorted(errors)},
            },
        }
    }
