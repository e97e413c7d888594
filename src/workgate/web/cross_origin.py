"""Calls from pages of other origins, by the Fetch standard's CORS protocol: who may read the answers to them.

Pages of the environment's single page applications may read every answer, errors too. Nobody else reads any; else the
answer is the same. Whoever calls, the browser's cookies do not count and none are set: such a call is worth what it
carries itself. Endpoints that are not wrapped here, all pages among them, know nothing of this.
"""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workgate import asgi
from workgate.domain.ports import ApplicationStore, StoreUnavailable
from workgate.oauth.metadata import METADATA_PATH, REVOKE_PATH, TOKEN_PATH
from workgate.oauth.origins import allows_origin
from workgate.service.environments import EnvironmentDirectory

METHODS_OF_PAGES = {TOKEN_PATH: b"POST", REVOKE_PATH: b"POST", METADATA_PATH: b"GET, HEAD"}
"""The endpoints of OAuth that such pages call, and how."""
METHODS_OF_API = b"GET, POST, PUT, DELETE"

_REQUEST_HEADERS = b"authorization, content-type, sessionID"
# A remembered preflight lets a browser send, never read: each answer says anew who may. Two hours is Chromium's most.
_PREFLIGHT_SECONDS = 7200
_VARY = (b"vary", b"Origin")


class CrossOrigin:
    """Wraps an endpoint that pages of single page applications may call.

    Args:
        endpoint: what answers.
        methods: with which methods it is called, as preflights are told.
        directory: finds the environment by host.
        applications: whose redirect URIs decide; they are read for each such call, so a change holds at once.
    """

    def __init__(
        self, endpoint: ASGIApp, *, methods: bytes, directory: EnvironmentDirectory, applications: ApplicationStore
    ) -> None:
        self._endpoint = endpoint
        self._methods = methods
        self._directory = directory
        self._applications = applications

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request; one that names no origin, or ours, goes straight through."""
        origin = asgi.header(scope, b"origin")
        if origin is None or origin == asgi.origin(scope):
            return self._endpoint(scope, receive, send)
        return self._foreign(origin, scope, receive, send)

    async def _foreign(self, origin: str, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = await self._allows(origin, scope)
        shown = [_VARY]
        if allowed:
            # Never Access-Control-Allow-Credentials: browsers then withhold answers to calls with cookies.
            shown.append((b"access-control-allow-origin", origin.encode("latin-1")))
            if scope["method"] == "OPTIONS" and asgi.header(scope, b"access-control-request-method") is not None:
                await self._preflight(send, shown)
                return
            shown.append((b"access-control-expose-headers", b"retry-after"))

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [header for header in message["headers"] if header[0] != b"set-cookie"]
                message = {**message, "headers": headers + shown}
            await send(message)

        without_cookies = [header for header in scope["headers"] if header[0] != b"cookie"]
        await self._endpoint({**scope, "headers": without_cookies}, receive, answer)

    async def _allows(self, origin: str, scope: Scope) -> bool:
        try:
            environment = await self._directory.by_host(asgi.host(scope))
            if environment is None:
                return False
            redirect_uris = await self._applications.spa_redirect_uris(environment.environment_id)
        except StoreUnavailable:
            # The endpoint will find out by itself, and say so. Who may read that is not known.
            return False
        return allows_origin(origin, redirect_uris)

    async def _preflight(self, send: Send, shown: asgi.Headers) -> None:
        headers = [
            *shown,
            (b"access-control-allow-methods", self._methods),
            (b"access-control-allow-headers", _REQUEST_HEADERS),
            (b"access-control-max-age", b"%d" % _PREFLIGHT_SECONDS),
        ]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
