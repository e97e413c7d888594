"""The OpenAPI 3.1 description of the admin API, made of its table of operations and of the types in it."""

import inspect
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from workgate import __version__
from workgate.web.api import ADMIN_PATH
from workgate.web.api.errors import STATUS_OF_CODE, Code, ErrorBody
from workgate.web.api.operations import JSON, JSON_LINES, Operation, RawBody
from workgate.web.api.routes import OPERATIONS, PARTS

_ABOUT = (
    "Applications, their secrets, keys and connections, users, the rules by which and the identity providers at which "
    "they sign in, and the audit log of one environment: that of the host. "
    "A session comes as the header sessionID or as a bearer token; a browser's cookie alone can only read. "
    "All but what is about oneself is for administrators of the environment."
)
_WHEN: Mapping[Code, str] = {
    Code.INVALID: "A field, a parameter or the body is not usable; `field` says which.",
    Code.NOT_SIGNED_IN: "There is no session, or it has ended.",
    Code.NOT_ALLOWED: "Not an administrator of this environment, or a cookie alone wants to change something.",
    Code.NOT_FOUND: "What is named is not in this environment.",
    Code.CONFLICT: "What there is stands against it: a limit is reached, the type of the application has none, or "
    "somebody could be locked out.",
    Code.TOO_LARGE: "The body is too large.",
    Code.WRONG_MEDIA_TYPE: "The body has another Content-Type than the operation takes.",
    Code.TOO_MANY: "It was asked for too often; `Retry-After` says when to try again.",
    Code.UNAVAILABLE: "The service cannot answer at this moment; `Retry-After` says when to try again.",
}


def openapi_document() -> dict[str, Any]:
    """Make the document."""
    schemas, components = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        item = paths.setdefault(ADMIN_PATH + operation.path, {})
        item[operation.method.lower()] = _operation(operation, schemas, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Workgate admin API", "version": __version__, "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "sessionID": {"type": "apiKey", "in": "header", "name": "sessionID"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{"sessionID": []}, {"bearer": []}],
    }


def _schemas() -> tuple[dict[type, dict[str, Any]], dict[str, Any]]:
    """Every type of the table with a reference to its schema, and the schemas by name."""
    types: list[type] = [ErrorBody]
    for operation in OPERATIONS:
        for kind in (operation.query, operation.body, operation.answer):
            if isinstance(kind, type) and kind not in types:
                types.append(kind)
    references, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return dict(zip(types, references, strict=True)), components


def _operation(operation: Operation, schemas: Mapping[type, Any], components: dict[str, Any]) -> dict[str, Any]:
    text = inspect.cleandoc(operation.handler.__doc__ or "")
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": text.partition("\n")[0],
        "description": text,
        "parameters": [*_path_parameters(operation), *_query_parameters(operation, components)],
        "responses": _responses(operation, schemas),
    }
    match operation.body:
        case None:
            pass
        case RawBody(media_types):
            content = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in media_types}
            described["requestBody"] = {"required": True, "content": content}
        case kind:
            described["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas[kind]}}}
    return described


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": f"^{PARTS[name]}$"}}
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]


def _query_parameters(operation: Operation, components: Mapping[str, Any]) -> list[dict[str, Any]]:
    properties: dict[str, Any] = components[operation.query.__name__]["properties"]
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "schema": {key: value for key, value in schema.items() if key != "description"},
            **({"description": schema["description"]} if "description" in schema else {}),
        }
        for name, schema in properties.items()
    ]


def _responses(operation: Operation, schemas: Mapping[type, Any]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "It is done."}
    if operation.media_type == JSON_LINES:
        # Each line by itself is of that type, the whole answer is not: OpenAPI 3.1 has no word for that.
        success = {"description": "Lines, each a ShownEvent.", "content": {JSON_LINES: {"schema": {"type": "string"}}}}
    elif operation.answer is not None:
        success["content"] = {operation.media_type: {"schema": schemas[operation.answer]}}
    elif operation.media_type != JSON:
        success["content"] = {operation.media_type: {"schema": {"type": "string", "format": "binary"}}}
    responses = {str(operation.status): success}
    for code in operation.errors:
        responses[str(STATUS_OF_CODE[code])] = {
            "description": _WHEN[code],
            "content": {JSON: {"schema": schemas[ErrorBody]}},
        }
    return responses
