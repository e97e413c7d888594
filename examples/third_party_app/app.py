"""ClientApp: somebody else's small web application, which reads a user's projects with OAuth 2.

It speaks to Workfront, or to anything that answers like it, in plain HTTP: the authorization code grant with
PKCE (RFC 6749 §4.1, RFC 7636), refreshing (§6) and revoking (RFC 7009). Tokens stay in this process's memory;
the browser holds a random cookie and nothing else. What people read is in `templates/`.
"""

import asyncio
import base64
import hashlib
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

import httpx
import jinja2
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]

HERE = Path(__file__).parent
COOKIE = "third_party_app"
NOT_LOGGED_IN = "You are not currently logged in."
LOGIN_SECONDS = 600  # how long a user may take between "Connect" and the way back
MAX_LOGINS, MAX_VISITORS = 5, 10_000  # unfinished logins of one browser; browsers


class ConfigError(Exception):
    """A setting is missing or wrong; the text says which."""


class ConnectionEnded(Exception):
    """Workgate takes neither our access token nor our refresh token: only the user can connect again."""


class Problem(Exception):
    """Something that the person at the browser should read; `problem.html` has the words for each code."""

    def __init__(self, code: str, status: int = 502, *, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.status, self.detail = code, status, detail


@dataclass(frozen=True, kw_only=True)
class Config:
    """Where Workgate is, without a trailing slash, and who we are there."""

    client_id: str
    client_secret: str = field(repr=False)
    workgate_url: str = "http://localhost:8400"
    redirect_uri: str = "http://127.0.0.1:8401/callback"
    host: str = "127.0.0.1"
    port: int = 8401
    api_version: str = "v14.0"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Config":
        """Read each setting from the variable of its name in capitals, or raise ConfigError."""
        for name in ("CLIENT_ID", "CLIENT_SECRET"):
            if not environ.get(name):
                raise ConfigError(f"Set {name}: Workgate shows it where this application is registered.")
        port = environ.get("PORT", "8401")
        config = cls(
            client_id=environ["CLIENT_ID"],
            client_secret=environ["CLIENT_SECRET"],
            workgate_url=environ.get("WORKGATE_URL", cls.workgate_url).rstrip("/"),
            redirect_uri=environ.get("REDIRECT_URI", f"http://127.0.0.1:{port}/callback"),
            host=environ.get("HOST", cls.host),
            port=int(port) if port.isdecimal() else 0,
            api_version=environ.get("API_VERSION", cls.api_version),
        )
        if not 0 < config.port < 65536:
            raise ConfigError("PORT must be a number from 1 to 65535.")
        if not config.workgate_url.startswith(("http://", "https://")):
            raise ConfigError("WORKGATE_URL must begin with http:// or https://.")
        if f"{config.origin}/callback" != config.redirect_uri:
            raise ConfigError("REDIRECT_URI must be this application's address followed by /callback.")
        return config

    @property
    def origin(self) -> str:
        """This application's own address as the browser has it: http://127.0.0.1:8401."""
        parts = urlsplit(self.redirect_uri)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True)
class Tokens:
    """A pair from the token endpoint; the access token goes into the API's header `sessionID`."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    """One press of "Connect", kept until the user is back."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    code_verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    began: float = field(default_factory=time.monotonic)


@dataclass(slots=True, eq=False)
class Visitor:
    """What we remember of one browser. The lock lets one request at a time change the tokens."""

    key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)  # the cookie's value
    logins: list[Login] = field(default_factory=list)
    tokens: Tokens | None = None
    notice: str = ""
    changes: list[tuple[str, str, bool]] = field(default_factory=list)  # a token's old and new ending
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def take_login(self, state: str) -> Login | None:
        """Find the login that `state` belongs to, and forget it: a state works once."""
        for login in self.logins:
            if secrets.compare_digest(login.state.encode(), state.encode()):
                self.logins.remove(login)
                return login if time.monotonic() - login.began < LOGIN_SECONDS else None
        return None


class Workgate:
    """The calls that this application makes: four of OAuth 2 and one of the API."""

    def __init__(self, config: Config, http: httpx.AsyncClient) -> None:
        self.config, self.http = config, http
        self.oauth2 = f"{config.workgate_url}/integrations/oauth2"

    def authorize_url(self, login: Login) -> str:
        """Give the address to send the browser to (RFC 6749 §4.1.1)."""
        digest = hashlib.sha256(login.code_verifier.encode()).digest()
        query = {
            "client_id": self.config.client_id,
            "redirect_uri": self.config.redirect_uri,
            "response_type": "code",
            "state": login.state,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),  # RFC 7636 §4.2
            "code_challenge_method": "S256",
        }
        return f"{self.oauth2}/authorize?{urlencode(query)}"

    async def exchange(self, code: str, login: Login) -> Tokens:
        """Trade a code for tokens."""
        grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.config.redirect_uri}
        try:
            return await self._token(grant | {"code_verifier": login.code_verifier})
        except ConnectionEnded:
            raise Problem("code_refused", 400) from None

    async def refresh(self, visitor: Visitor, old: Tokens) -> Tokens:
        """Trade `old` for new tokens, unless another request has just done so."""
        async with visitor.lock:
            if visitor.tokens is None:
                raise ConnectionEnded
            if visitor.tokens is old:
                visitor.tokens = await self._token({"grant_type": "refresh_token", "refresh_token": old.refresh})
            return visitor.tokens

    async def revoke(self, tokens: Tokens) -> bool:
        """End the user's authorization (RFC 7009), and say whether Workgate confirmed it."""
        try:
            status, _ = await self._send("POST", f"{self.oauth2}/api/v1/revoke", data={"token": tokens.refresh})
        except Problem:
            return False
        return status == 200

    async def read(self, visitor: Visitor, path: str, query: dict[str, str], kind: type[T]) -> T:
        """Read from the API. When the session has ended, refresh once and read again."""
        url = f"{self.config.workgate_url}/attask/api/{self.config.api_version}/{path}"
        tokens, refreshed = visitor.tokens, False
        while tokens is not None:
            match await self._send("GET", url, params=query, headers={"sessionID": tokens.access}):
                case 200, {"data": data} if isinstance(data, kind):
                    return data
                case 401, {"error": {"message": str(text)}} if text == NOT_LOGGED_IN:
                    tokens = None if refreshed else await self.refresh(visitor, tokens)
                    refreshed = True
                case status, _:
                    raise Problem("no_data", detail=str(status))
        raise ConnectionEnded

    async def _token(self, grant: dict[str, str]) -> Tokens:
        # RFC 6749 §5.2 has the reason in `error`; Workfront's style has it in `type`, and `error: true`.
        match await self._send("POST", f"{self.oauth2}/api/v1/token", json=grant):
            case 200, {"access_token": str(access), "refresh_token": str(refresh)}:
                return Tokens(access, refresh)
            case 200, {"access_token": str(access)} if "refresh_token" in grant:
                return Tokens(access, grant["refresh_token"])  # RFC 6749 §6: the old one stays good
            case 400, {"error": "invalid_grant"} | {"error": True, "type": "invalid_grant"}:
                raise ConnectionEnded
            case _, {"error": "invalid_client"} | {"error": True, "type": "invalid_client"}:
                raise Problem("client_refused")
            case status, _:
                raise Problem("no_tokens", detail=str(status))

    async def _send(self, method: str, url: str, **content: dict[str, str]) -> tuple[int, object]:
        """Send a request and give status and JSON; without headers it is for OAuth and carries our secret."""
        auth = None if "headers" in content else (self.config.client_id, self.config.client_secret)
        try:
            response = await self.http.request(method, url, auth=auth, **content)  # type: ignore[arg-type]
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Problem("unreachable") from error
        if response.status_code == 429 or response.status_code >= 500:
            seconds = response.headers.get("Retry-After", "")
            raise Problem("busy", 503, detail=seconds if seconds.isdecimal() else "")
        try:
            return response.status_code, response.json()
        except ValueError:
            return response.status_code, None


class ClientApp:
    """The pages."""

    workgate: Workgate  # set while the application runs

    def __init__(self, config: Config) -> None:
        self.config = config
        self.visitors: dict[str, Visitor] = {}
        loader = jinja2.FileSystemLoader(HERE / "templates")
        self.templates = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
        # form-action holds for the redirects after a form too: to Workgate, and on to an organisation's SSO.
        forms = f"form-action 'self' {urlsplit(config.workgate_url).scheme}:"
        policy = f"default-src 'none'; style-src 'self'; img-src 'self'; {forms}"
        self.headers = {
            "Content-Security-Policy": f"{policy}; base-uri 'none'; frame-ancestors 'none'",
            "Cache-Control": "no-store",
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }

    async def index(self, request: Request) -> Response:
        """Show what the user has in Workgate, or how to connect."""
        if request.url.netloc != urlsplit(self.config.origin).netloc:
            return self.see_other(self.config.origin + "/")  # where Workgate sends the user back
        visitor = self.visitor(request)
        if visitor.tokens is not None:
            try:
                user = await self.workgate.read(visitor, "user", {"id": "$$USER"}, dict)
                fields = {"fields": "status,percentComplete,plannedCompletionDate"}
                rows = await self.workgate.read(visitor, "proj/search", fields, list)
            except ConnectionEnded:
                visitor.tokens, visitor.notice = None, "ended"
        notice, visitor.notice = visitor.notice, ""
        if visitor.tokens is None:
            return self.page("connect.html", notice=notice)
        return self.page("projects.html", notice=notice, changes=visitor.changes, user=user, projects=rows)

    async def connect(self, request: Request) -> Response:
        """Send the user to Workgate."""
        visitor, login = self.visitor(request), Login()
        if visitor.tokens is not None:
            return self.see_other("/")
        visitor.logins = [*visitor.logins, login][-MAX_LOGINS:]
        return self.see_other(self.workgate.authorize_url(login), remember=visitor)

    async def callback(self, request: Request) -> Response:
        """Take the user back: make sure that we asked for this answer, then trade the code for tokens."""
        query, visitor = request.query_params, self.visitor(request)
        login = visitor.take_login(query.get("state", ""))
        if login is None or len(query) != len(query.multi_items()):  # RFC 6749 §10.12
            raise Problem("unasked", 400)
        if query.get("iss", self.config.workgate_url) != self.config.workgate_url:  # RFC 9207 §2.4
            raise Problem("other_server", 400)
        if query.get("error") == "access_denied":
            raise Problem("denied", 200)
        if "error" in query or not query.get("code"):
            raise Problem("no_code", 400)
        tokens = await self.workgate.exchange(query["code"], login)
        self.visitors.pop(visitor.key, None)  # a new cookie, as the browser may do more from now on
        return self.see_other("/", remember=Visitor(tokens=tokens))

    async def refresh(self, request: Request) -> Response:
        """Trade the tokens for new ones, and show the last four characters of old and new."""
        visitor = self.visitor(request)
        if (old := visitor.tokens) is not None:
            try:
                new = await self.workgate.refresh(visitor, old)
            except ConnectionEnded:
                visitor.tokens, visitor.notice = None, "ended"
            else:
                pairs = ((old.access, new.access), (old.refresh, new.refresh))
                visitor.changes = [(before[-4:], after[-4:], before != after) for before, after in pairs]
                visitor.notice = "refreshed"
        return self.see_other("/")

    async def disconnect(self, request: Request) -> Response:
        """Ask Workgate to end the authorization, and forget the tokens whatever it answers."""
        visitor = self.visitor(request)
        async with visitor.lock:
            tokens, visitor.tokens = visitor.tokens, None
        if tokens is not None:
            visitor.notice = "disconnected" if await self.workgate.revoke(tokens) else "forgotten"
        return self.see_other("/")

    async def problem(self, request: Request, error: Exception) -> Response:
        """Say what went wrong and what to do next; the words are in the template."""
        code, status, detail = "broken", 500, ""
        if isinstance(error, Problem):
            code, status, detail = error.code, error.status, error.detail
        elif isinstance(error, HTTPException):
            code, status = "no_page", error.status_code
        connected = self.visitor(request).tokens is not None
        return self.page("problem.html", status, code=code, detail=detail, connected=connected)

    def own_form(self, endpoint: Endpoint) -> Endpoint:
        """Let only our own pages' forms through: other sites can make a browser send its cookies along."""

        async def guarded(request: Request) -> Response:
            site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
            own = site in (None, "same-origin") and origin in (None, self.config.origin)
            if not own or not (site or origin):
                raise Problem("foreign_form", 403)
            return await endpoint(request)

        return guarded

    def visitor(self, request: Request) -> Visitor:
        """Find the browser's visitor; a new one is forgotten unless `see_other` remembers it."""
        return self.visitors.get(request.cookies.get(COOKIE, "")) or Visitor()

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """Give a page."""
        text = self.templates.get_template(template).render(workgate_url=self.config.workgate_url, **values)
        return HTMLResponse(text, status, self.headers)

    def see_other(self, url: str, *, remember: Visitor | None = None) -> Response:
        """Send the browser on, with the cookie of a visitor to remember."""
        response = RedirectResponse(url, 303, self.headers)
        if remember is not None:
            self.visitors[remember.key] = remember
            while len(self.visitors) > MAX_VISITORS:
                del self.visitors[next(iter(self.visitors))]  # the oldest
            secure = self.config.origin.startswith("https:")
            response.set_cookie(COOKIE, remember.key, httponly=True, samesite="lax", secure=secure)
        return response


def create_app(config: Config) -> Starlette:
    """Make the application; its HTTP client lives from start-up to shutdown."""
    app = ClientApp(config)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # trust_env=False: no proxy of the machine comes between us and a Workgate on loopback.
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            app.workgate = Workgate(config, http)
            yield

    forms = {"/connect": app.connect, "/refresh": app.refresh, "/disconnect": app.disconnect}
    return Starlette(
        routes=[
            Route("/", app.index),
            Route("/callback", app.callback),
            *(Route(path, app.own_form(form), methods=["POST"]) for path, form in forms.items()),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        exception_handlers={Problem: app.problem, HTTPException: app.problem, Exception: app.problem},
        lifespan=lifespan,
    )


def main() -> None:
    """Run on HOST and PORT."""
    try:
        config = Config.from_environ()
    except ConfigError as error:
        sys.exit(f"ClientApp: {error}")
    sys.stdout.write(f"ClientApp: {config.origin}/ (Workgate: {config.workgate_url})\n")
    # No access log: it would hold codes.
    uvicorn.run(create_app(config), host=config.host, port=config.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
