"""The table of the admin API: every operation with what it takes, what it answers and what can go wrong.

The router, the rights, the reading of requests and the OpenAPI document all follow this table.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from workgate.service.descriptions import (
    GeneratedPair,
    NewlyRegistered,
    NewSecret,
    OfferedApplication,
    ShownApplication,
    ShownConnections,
    ShownEvent,
    ShownKey,
    ShownSecret,
)
from workgate.service.logos import LARGEST_LOGO
from workgate.web.api import ADMIN_PATH, applications, audit, central, credentials, people
from workgate.web.api.bodies import (
    AuditPageQuery,
    AuditQuery,
    ChangesBody,
    CopyBody,
    NewApplicationBody,
    NewKeyBody,
    NewPairBody,
    NewSecretBody,
    NoteBody,
    PageQuery,
)
from workgate.web.api.calls import (
    ApplicationList,
    ConnectedList,
    EventList,
    KeyList,
    OfferedList,
    SecretList,
)
from workgate.web.api.operations import JSON_LINES, Operation, RawBody
from workgate.web.api.user_routes import USER_OPERATIONS

OPENAPI_PATH = f"{ADMIN_PATH}/openapi.json"

PARTS: Mapping[str, str] = MappingProxyType(
    {
        "client_id": "[0-9a-f]{32}",
        "secret_id": "[0-9]{1,19}",
        "key_id": "[0-9]{1,19}",
        "user_id": "[0-9a-f]{32}",
        "provider_id": "[0-9]{1,19}",
    }
)
"""The shapes of the variable parts: nothing lives at an address where one is of another shape."""

_LOGO = RawBody(("image/png", "image/jpeg", "image/webp"), LARGEST_LOGO)
_ONE = "/applications/{client_id}"
_OFFERED = "/offered-applications/{client_id}"
_SECRET = _ONE + "/secrets/{secret_id}"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="GET",
        path="/applications",
        handler=applications.list_applications,
        query=PageQuery,
        answer=ApplicationList,
    ),
    Operation(
        method="POST",
        path="/applications",
        handler=applications.create_application,
        body=NewApplicationBody,
        status=201,
        answer=NewlyRegistered,
        conflicts=True,
    ),
    Operation(method="GET", path=_ONE, handler=applications.show_one, answer=ShownApplication),
    Operation(
        method="PATCH", path=_ONE, handler=applications.change_application, body=ChangesBody, answer=ShownApplication
    ),
    Operation(method="DELETE", path=_ONE, handler=applications.delete_application, status=204),
    Operation(
        method="POST",
        path=_ONE + "/copies",
        handler=applications.copy_application,
        body=CopyBody,
        status=201,
        answer=NewlyRegistered,
        conflicts=True,
    ),
    Operation(method="GET", path=_ONE + "/logo", handler=applications.show_logo, media_type="image/png"),
    Operation(method="PUT", path=_ONE + "/logo", handler=applications.set_logo, body=_LOGO, answer=ShownApplication),
    Operation(method="DELETE", path=_ONE + "/logo", handler=applications.delete_logo, status=204),
    Operation(
        method="GET", path=_ONE + "/secrets", handler=credentials.list_secrets, query=PageQuery, answer=SecretList
    ),
    Operation(
        method="POST",
        path=_ONE + "/secrets",
        handler=credentials.add_secret,
        body=NewSecretBody,
        status=201,
        answer=NewSecret,
        conflicts=True,
    ),
    Operation(method="PATCH", path=_SECRET, handler=credentials.note_secret, body=NoteBody, answer=ShownSecret),
    Operation(method="DELETE", path=_SECRET, handler=credentials.delete_secret, status=204),
    Operation(method="GET", path=_ONE + "/keys", handler=credentials.list_keys, query=PageQuery, answer=KeyList),
    Operation(
        method="POST",
        path=_ONE + "/keys",
        handler=credentials.add_key,
        body=NewKeyBody,
        status=201,
        answer=ShownKey,
        conflicts=True,
    ),
    Operation(
        method="POST",
        path=_ONE + "/keys/generate",
        handler=credentials.generate_key,
        body=NewPairBody,
        status=201,
        answer=GeneratedPair,
        conflicts=True,
        limited=True,
    ),
    Operation(method="DELETE", path=_ONE + "/keys/{key_id}", handler=credentials.delete_key, status=204),
    Operation(
        method="GET",
        path=_ONE + "/connections",
        handler=people.list_connections,
        query=PageQuery,
        answer=ShownConnections,
    ),
    Operation(method="DELETE", path=_ONE + "/connections/{user_id}", handler=people.withdraw_connection, status=204),
    Operation(
        method="GET",
        path="/me/connections",
        handler=people.list_my_connections,
        query=PageQuery,
        answer=ConnectedList,
        everybody=True,
    ),
    Operation(
        method="DELETE",
        path="/me/connections/{client_id}",
        handler=people.withdraw_my_connection,
        status=204,
        everybody=True,
    ),
    Operation(
        method="GET", path="/offered-applications", handler=central.list_offered, query=PageQuery, answer=OfferedList
    ),
    Operation(method="GET", path=_OFFERED, handler=central.show_offered_application, answer=OfferedApplication),
    Operation(
        method="PUT", path=_OFFERED + "/installation", handler=central.install_application, answer=OfferedApplication
    ),
    Operation(method="DELETE", path=_OFFERED + "/installation", handler=central.uninstall_application, status=204),
    Operation(method="GET", path="/audit", handler=audit.list_events, query=AuditPageQuery, answer=EventList),
    Operation(
        method="GET",
        path="/audit/export",
        handler=audit.export_events,
        query=AuditQuery,
        answer=ShownEvent,
        media_type=JSON_LINES,
    ),
    *USER_OPERATIONS,
)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", lambda part: f"(?P<{part[1]}>{PARTS[part[1]]})", path))


_PATTERNS = {operation.path: _pattern(operation.path) for operation in OPERATIONS}


def find(path: str) -> tuple[Mapping[str, Operation], Mapping[str, str]] | None:
    """Find what lives at a path below ``ADMIN_PATH``: its operations by method, and its variable parts."""
    for template, pattern in _PATTERNS.items():
        match = pattern.fullmatch(path)
        if match is not None:
            return {each.method: each for each in OPERATIONS if each.path == template}, match.groupdict()
    return None
