"""A call to the API as it arrived: version, path, effective method, parameters and how it is signed in."""

import re
from collections.abc import Mapping
from enum import Enum
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope

from workgate import asgi
from workgate.attask.envelope import ApiError, ApiFault, invalid

# /api, /api/v14.0, /api-internal and the two forms that older clients use (contract §3.1).
_ADDRESS = re.compile(
    r"/attask/(?:api-(?:internal|unsupported|asp)|api(?:/(?:v(?P<version>\d{1,2})(?:\.\d)?|unsupported|api-internal))?)"
    r"(?:/(?P<rest>.*))?"
)
_NEWEST = 22
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE"})
_MOST_FIELDS = 2000


class Carrier(Enum):
    """How the session came: a cookie alone may only read (contract §3.3)."""

    EXPLICIT = "explicit"
    COOKIE = "cookie"


class Call(msgspec.Struct, frozen=True):
    """One call. ``params`` holds every value of each parameter, of query and form together."""

    version: int
    segments: tuple[str, ...]
    method: str
    params: Mapping[str, list[str]]
    session_id: str | None
    carrier: Carrier
    cross_site: bool

    def __repr__(self) -> str:
        """Leave parameters and session out of tracebacks and logs."""
        return f"Call({self.method} {'/'.join(self.segments)}, version {self.version})"

    def one(self, name: str) -> str | None:
        """The last value of a parameter, or None."""
        values = self.params.get(name)
        return values[-1] if values else None


async def read_call(scope: Scope, receive: Receive, largest_body: int) -> Call:
    """Read a request.

    Raises:
        ApiError: the address or the body cannot be understood.
    """
    match = _ADDRESS.fullmatch(scope["path"])
    if match is None:
        raise ApiError(ApiFault.UNSUPPORTED, "The API lives under /attask/api/v14.0/.")
    params = _pairs(scope["query_string"].decode("latin-1"))
    if scope["method"] in {"POST", "PUT"}:
        body = await asgi.read_body(scope, receive, largest_body)
        if body is None:
            raise ApiError(ApiFault.TOO_LARGE, f"The body has more than {largest_body} bytes.")
        if asgi.content_type(scope) == "application/x-www-form-urlencoded":
            for name, values in _pairs(body.decode("latin-1")).items():
                params.setdefault(name, []).extend(values)
    method = (params.get("method") or [scope["method"]])[-1].upper()
    if method not in _METHODS and method != "HEAD":
        raise invalid("Invalid Parameter: method must be GET, POST, PUT or DELETE.")
    segments = tuple(part for part in (match["rest"] or "").split("/") if part)
    session_id, carrier = _session_id(scope, params)
    return Call(
        version=int(match["version"] or _NEWEST),
        segments=segments,
        method="GET" if method == "HEAD" else method,
        params=params,
        session_id=session_id,
        carrier=carrier,
        cross_site=asgi.header(scope, b"sec-fetch-site") in {"cross-site", "same-site"},
    )


def _pairs(text: str) -> dict[str, list[str]]:
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise invalid("The parameters cannot be read: send at most 2000, percent-encoded in UTF-8.") from None
    params: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            raise invalid("Invalid Parameter: NUL is no character of a text.")
        params.setdefault(name, []).append(value)
    return params


def _session_id(scope: Scope, params: Mapping[str, list[str]]) -> tuple[str | None, Carrier]:
    """Find the session where the contract allows it, in its order."""
    explicit = asgi.header(scope, b"sessionid") or (params.get("sessionID") or [""])[-1]
    if explicit:
        return explicit, Carrier.EXPLICIT
    in_cookie = asgi.cookie_session(scope)
    if in_cookie is not None:
        return in_cookie, Carrier.COOKIE
    return asgi.bearer_token(scope), Carrier.EXPLICIT
