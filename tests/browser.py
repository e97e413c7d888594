"""A browser made of an HTTP client: it keeps cookies, fills in forms and stops at redirects to elsewhere."""

import base64
import hashlib
import html
import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import httpx

from workgate.domain.accounts import Environment, User
from workgate.service.applications import Registered
from workgate.testing import HeldClock, StandIn

T = TypeVar("T")
# Nothing here speaks https, but every client would read all certificates for it: that takes longer than most tests.
_TLS = ssl.create_default_context()
PASSWORD = "correct horse battery"
REDIRECT_URI = "https://client.example/callback"
VERIFIER = "the-verifier-of-the-tests-is-long-enough-for-rfc-7636"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
AUTHORIZE = "/integrations/oauth2/authorize"
CONSENT = "/integrations/oauth2/consent"
TOKEN = "/integrations/oauth2/api/v1/token"
REVOKE = "/integrations/oauth2/api/v1/revoke"
INTROSPECT = "/integrations/oauth2/api/v1/introspect"
PROJECTS = "/attask/api/v14.0/proj/search"

_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
_FORM = re.compile(r'<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>', re.S)


def form_fields(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the page's form that posts to ``action``."""
    for found, body in _FORM.findall(page):
        if html.unescape(found) == action:
            return {name: html.unescape(value) for name, value in _HIDDEN.findall(body)}
    raise AssertionError(f"the page has no form for {action}: {page[:400]}")


def query_of(location: str) -> dict[str, str]:
    """The query parameters of an address, each once."""
    pairs = parse_qsl(urlsplit(location).query, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs), f"a parameter is repeated in {location}"
    return dict(pairs)


class Browser:
    """One browser at one environment."""

    def __init__(self, client: httpx.Client) -> None:
        self.http = client

    def sign_in(self, username: str = "ann", password: str = PASSWORD, target: str = "/") -> httpx.Response:
        """Fill in the sign-in page and post it; the answer is not followed."""
        page = self.http.get("/login", params={"next": target})
        fields = form_fields(page.text, "/login")
        return self.http.post("/login", data={**fields, "username": username, "password": password})

    def authorize(self, **params: str) -> httpx.Response:
        """Open the authorize page with these parameters."""
        return self.http.get(AUTHORIZE, params=params)

    def decide(self, page: httpx.Response, decision: str = "allow") -> httpx.Response:
        """Press a button of the consent page."""
        return self.http.post(CONSENT, data={**form_fields(page.text, CONSENT), "decision": decision})

    def code(self, registered: Registered, **params: str) -> str:
        """Sign in if need be, consent, and take the code from the redirect."""
        asked = {
            "client_id": registered.application.client_id,
            "redirect_uri": registered.application.redirect_uris[0],
            "response_type": "code",
            **params,
        }
        page = self.authorize(**asked)
        if page.status_code == 302 and page.headers["location"].startswith("/login"):
            assert self.sign_in().status_code == 303
            page = self.authorize(**asked)
        assert page.status_code == 200, page.text
        answer = self.decide(page)
        assert answer.status_code == 303, answer.text
        return query_of(answer.headers["location"])["code"]


@dataclass
class World:
    """A running Workgate with people and applications; lanes ``my`` and ``preview`` of acme, and globex."""

    stand_in: StandIn
    acme: Environment
    preview: Environment
    globex: Environment
    ann: User
    bob: User
    web: Registered
    spa: Registered
    machine: Registered
    plain: Registered  # a web application without rotation
    browsers: list[Browser] = field(default_factory=list)

    @property
    def clock(self) -> HeldClock:
        """The clock that the server goes by."""
        return self.stand_in.clock

    def browser(self, environment: Environment | None = None) -> Browser:
        """A fresh browser, by default at the default environment, which is acme in lane my."""
        made = Browser(self.stand_in.client(environment, verify=_TLS))
        self.browsers.append(made)
        return made

    def http(self, environment: Environment | None = None) -> httpx.Client:
        """A fresh HTTP client without cookies."""
        return self.browser(environment).http

    def token(
        self, registered: Registered, params: Mapping[str, str], environment: Environment | None = None, **more: Any
    ) -> httpx.Response:
        """Post to the token endpoint, with Basic credentials where the application has a secret."""
        application = registered.application
        if registered.client_secret is not None:
            more.setdefault("auth", (application.client_id, registered.client_secret))
            return self.http(environment).post(TOKEN, data=dict(params), **more)
        return self.http(environment).post(TOKEN, data={"client_id": application.client_id, **params}, **more)

    def another_node(self) -> StandIn:
        """A second server over the same database, with the same keys and a clock of its own."""
        here = self.stand_in
        return StandIn(folder=here.folder, database_url=here.workgate.settings.database_url)

    def redeem(self, registered: Registered, code: str, **params: str) -> httpx.Response:
        """Exchange a code."""
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": registered.application.redirect_uris[0],
            **params,
        }
        return self.token(registered, asked)

    def connect(self, registered: Registered, browser: Browser | None = None) -> dict[str, Any]:
        """The whole flow from sign-in to the token answer."""
        pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
        public = registered.client_secret is None
        code = (browser or self.browser()).code(registered, **(pkce if public else {}))
        answer = self.redeem(registered, code, **({"code_verifier": VERIFIER} if public else {}))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refresh(self, registered: Registered, refresh_token: str) -> httpx.Response:
        """Use a refresh token."""
        return self.token(registered, {"grant_type": "refresh_token", "refresh_token": refresh_token})

    def works(self, session_id: str, environment: Environment | None = None) -> bool:
        """Tell whether a session ID opens the API."""
        answer = self.http(environment).get(PROJECTS, headers={"sessionID": session_id})
        assert answer.status_code in {200, 401}, answer.text
        return answer.status_code == 200


_new_database: Callable[[], str] | None = None


@contextmanager
def worlds_on(new_database: Callable[[], str]) -> Iterator[None]:
    """Have worlds keep their data in databases that this gives, one after the other, instead of embedded ones."""
    global _new_database  # noqa: PLW0603 - how the whole test session runs is decided once
    _new_database = new_database
    yield
    _new_database = None


@contextmanager
def a_world(**settings: Any) -> Iterator[World]:
    """Make a world and run it."""
    if _new_database is not None:
        settings["database_url"] = _new_database()
    with StandIn(**settings) as stand_in:
        acme, preview = stand_in.create_org("acme", ("my", "preview"), name="Acme")
        (globex,) = stand_in.create_org("globex", name="Globex")
        ann = stand_in.create_user(acme, "ann", PASSWORD, first_name="Ann", last_name="Archer", is_admin=True)
        bob = stand_in.create_user(acme, "bob", PASSWORD, first_name="Bob", last_name="Baker")
        for other in (preview, globex):
            stand_in.create_user(other, "ann", PASSWORD)
        made = World(
            stand_in=stand_in,
            acme=acme,
            preview=preview,
            globex=globex,
            ann=ann,
            bob=bob,
            web=stand_in.create_app(acme, "ClientApp"),
            spa=stand_in.create_app(acme, "SpaApp", kind="spa"),
            machine=stand_in.create_app(acme, "MachineApp", kind="machine"),
            plain=stand_in.create_app(acme, "PlainApp", rotate_refresh_tokens=False),
        )
        yield made
        for browser in made.browsers:
            browser.http.close()


def authorize_params(registered: Registered, **more: str) -> dict[str, str]:
    """The query of a good authorization request; for a public client with the challenge of ``VERIFIER``."""
    application = registered.application
    asked = {
        "client_id": application.client_id,
        "redirect_uri": application.redirect_uris[0],
        "response_type": "code",
    }
    if application.is_public:
        asked |= {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    return {**asked, **more}


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make all calls at the same moment, each in a thread of its own; the results in the calls' order."""
    gate = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        gate.wait(timeout=30)
        return call()

    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        return list(pool.map(run, calls))
