"""The one place where faults become HTTP: status codes, bodies and headers.

Token endpoint errors follow RFC 6749 §5.2 and carry ``statusCode``, ``type`` and ``message`` besides, as
Workfront's connectors read them (contract §2.8).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from workgate.asgi import NO_STORE, Headers
from workgate.oauth.errors import Fault

_STATUS_OF_FAULT = {
    Fault.METHOD: 405,
    Fault.BODY_TOO_LARGE: 413,
    Fault.CONTENT_TYPE: 415,
    Fault.TOO_MANY_FAILURES: 429,
    Fault.UNAVAILABLE: 503,
    Fault.INTERNAL: 500,
    Fault.CLIENT_AUTHENTICATION: 401,
    Fault.NO_ENVIRONMENT: 404,
    Fault.CENTRAL_HOST: 404,
}


class ErrorStyle(Enum):
    """How the token endpoint writes ``error``: RFC 6749's text, or the boolean that some connectors parse."""

    RFC = "rfc"
    WORKFRONT = "workfront"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer:
    """An error as HTTP."""

    status: int
    body: dict[str, Any]
    headers: Headers


def status_of(fault: Fault) -> int:
    """Give a fault's HTTP status."""
    return _STATUS_OF_FAULT.get(fault, 400)


def endpoint_error(
    fault: Fault,
    *,
    style: ErrorStyle,
    reference: str | None = None,
    basic: bool = False,
    retry_after: int | None = None,
) -> ErrorAnswer:
    """Write a fault as the JSON endpoints answer it.

    Args:
        fault: what was wrong, for everybody to see.
        style: how ``error`` is written.
        reference: where the audit log keeps the private reason.
        basic: the client tried HTTP Basic, so a 401 must name that scheme (RFC 6749 §5.2).
        retry_after: whole seconds to wait.
    """
    status = status_of(fault)
    body: dict[str, Any] = {
        "error": True if style is ErrorStyle.WORKFRONT else fault.code,
        "error_description": fault.description,
        "statusCode": status,
        "type": fault.code,
        "message": fault.description,
    }
    if reference is not None:
        body["reference"] = reference
    headers = list(NO_STORE)
    if status == 401 and basic:
        headers.append((b"www-authenticate", b'Basic realm="Workgate", charset="UTF-8"'))
    if status == 405:
        headers.append((b"allow", b"POST"))
    if status in {429, 503}:
        headers.append((b"retry-after", b"%d" % (retry_after or 1)))
    return ErrorAnswer(status=status, body=body, headers=headers)
