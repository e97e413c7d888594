"""Plain ASGI, shared by the pages and the API: bodies with a limit, JSON answers, addresses and cookies.

It decides nothing; it spares the hot endpoints a framework's request object.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

LARGEST_BODY = 64 * 1024
NO_STORE = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))
encode_json = msgspec.json.Encoder().encode

SESSION_COOKIE = "workgate_session"
SECURE_SESSION_COOKIE = "__Host-workgate_session"

Headers = Iterable[tuple[bytes, bytes]]
Lifespan = Callable[[], AbstractAsyncContextManager[None]]


class Front:
    """Sends the busiest addresses straight to their endpoints, and all others through the site's routes.

    A framework's routing and error handling cost as much as looking up a session does; these endpoints do their own.

    Args:
        exact: endpoints by path.
        below: endpoints by what all their paths begin with.
        site: everything else.
        lifespan: what runs while requests are served.
    """

    def __init__(
        self, exact: Mapping[str, ASGIApp], *, below: Mapping[str, ASGIApp], site: ASGIApp, lifespan: Lifespan
    ) -> None:
        self._exact = exact
        self._below = tuple(below.items())
        self._site = site
        self._lifespan = lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or begin and end with the server."""
        if scope["type"] == "http":
            path = scope["path"]
            app = self._exact.get(path) or self._under(path)
            await app(scope, receive, send)
        elif scope["type"] == "lifespan":
            await receive()
            async with self._lifespan():
                await send({"type": "lifespan.startup.complete"})
                await receive()
            await send({"type": "lifespan.shutdown.complete"})

    def _under(self, path: str) -> ASGIApp:
        for prefix, app in self._below:
            if path.startswith(prefix):
                return app
        return self._site


class Later:
    """An application that is made when it is first asked for, or by ``load`` before that; requests wait for it.

    It is made on a thread, so that others are served meanwhile.

    Args:
        make: makes it.
    """

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._loading: asyncio.Future[ASGIApp] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        app = await self.load()
        await app(scope, receive, send)

    async def load(self) -> ASGIApp:
        """Have it made, unless it is. Raises what making it raised, each time."""
        if self._loading is None:
            self._loading = asyncio.ensure_future(asyncio.to_thread(self._make))
        return await asyncio.shield(self._loading)


async def read_body(scope: Scope, receive: Receive, limit: int = LARGEST_BODY) -> bytes | None:
    """Read a request's body; None if it is larger than ``limit`` bytes or the client went away."""
    declared = header(scope, b"content-length")
    if declared is not None and declared.isdecimal() and (len(declared) > 18 or int(declared) > limit):
        return None
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > limit:
            return None
    return body if len(body) <= limit and message["type"] == "http.request" else None


async def send_json(send: Send, status: int, payload: object, headers: Headers = NO_STORE) -> None:
    """Answer with JSON."""
    body = encode_json(payload)
    start = [
        (b"content-type", b"application/json;charset=UTF-8"),
        (b"content-length", b"%d" % len(body)),
        (b"x-content-type-options", b"nosniff"),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


def header(scope: Scope, name: bytes) -> str | None:
    """Give a header's value, or None; of a repeated header the values are joined, so that none hides."""
    found: bytes | None = None
    for key, value in scope["headers"]:
        if key == name:
            found = value if found is None else found + b", " + value
    return None if found is None else found.decode("latin-1")


def content_type(scope: Scope) -> str:
    """Give the body's media type in lower case, without its parameters."""
    return (header(scope, b"content-type") or "").partition(";")[0].strip().lower()


def address(scope: Scope) -> str:
    """Give the client's IP address."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def host(scope: Scope) -> str:
    """Give the ``Host`` header, or nothing."""
    return header(scope, b"host") or ""


def origin(scope: Scope) -> str:
    """Give scheme and host that the request came to: the environment's issuer."""
    return f"{scope['scheme']}://{host(scope).lower()}"


def cookies(scope: Scope) -> Mapping[str, str]:
    """Give the request's cookies, of a repeated name the last.

    As browsers write them (RFC 6265 §4.2.1), and no stricter: what another program of the same host keeps in
    its cookies must not hide ours. Around a name only spaces and tabs go: with a no-break space before
    it, ``__Host-…`` is just a name to browsers, so a neighbour can set it, and must not become ours here.
    """
    lines = [line.decode("latin-1") for name, line in scope["headers"] if name == b"cookie"]
    pairs = [part.partition("=") for line in lines for part in line.split(";")]
    return {name.strip(" \t"): _unquoted(value.strip(" \t")) for name, equals, value in pairs if equals}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def cookie_session(scope: Scope) -> str | None:
    """Give the session ID that a browser's cookies hold, in the contract's order (§3.3), or None."""
    jar = cookies(scope)
    for name in ("attask", "wf-auth", session_cookie_name(scope)):
        if jar.get(name):
            # Browsers of Workfront append "#signature", percent-encoded.
            return re.split("#|%23", jar[name], maxsplit=1)[0]
    return None


def bearer_token(scope: Scope) -> str | None:
    """Give what follows ``Authorization: Bearer`` (RFC 6750 §2.1), or None."""
    scheme, _, token = (header(scope, b"authorization") or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def session_cookie_name(scope: Scope) -> str:
    """The browser session's cookie: bound to the host under https, where browsers support it."""
    return SECURE_SESSION_COOKIE if scope["scheme"] == "https" else SESSION_COOKIE
