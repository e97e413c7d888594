"""Client libraries of Python, unchanged: Authlib on requests and httpx, requests-oauthlib; and plain clients' shapes.

They send a bearer token by themselves; the API's documented header is ``sessionID``, which their users set
(docs/clients.md).
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from requests_oauthlib import OAuth2Session as RequestsOAuthlibSession
from tests.browser import (
    AUTHORIZE,
    CHALLENGE,
    INTROSPECT,
    PROJECTS,
    REDIRECT_URI,
    REVOKE,
    TOKEN,
    VERIFIER,
    World,
    query_of,
)
from tests.clients.consenting import redirected_from

from workgate.service.applications import Registered

with warnings.catch_warnings():
    # Authlib announces that it will drop httpx; what is installed today still has it.
    warnings.simplefilter("ignore")
    from authlib.integrations.httpx_client import OAuth2Client as AuthlibClient

pytestmark = pytest.mark.clients

Token = dict[str, Any]


class Library(Protocol):
    """What an application does with its OAuth library."""

    def authorization_url(self) -> tuple[str, str]: ...
    def fetch(self, redirected_to: str) -> Token: ...
    def refresh(self) -> Token: ...
    def get(self, url: str, headers: dict[str, str]) -> int: ...


class Authlib:
    """Both of Authlib's sessions work alike."""

    def __init__(self, session: Any, url: str) -> None:
        self.session = session
        self.url = url

    def authorization_url(self) -> tuple[str, str]:
        return self.session.create_authorization_url(self.url + AUTHORIZE, code_verifier=VERIFIER)  # type: ignore[no-any-return]

    def fetch(self, redirected_to: str) -> Token:
        return dict(
            self.session.fetch_token(self.url + TOKEN, authorization_response=redirected_to, code_verifier=VERIFIER)
        )

    def refresh(self) -> Token:
        return dict(self.session.refresh_token(self.url + TOKEN))

    def get(self, url: str, headers: dict[str, str]) -> int:
        return int(self.session.request("GET", url, headers=headers, withhold_token=True).status_code)


class RequestsOAuthlib:
    """requests-oauthlib makes and keeps the PKCE verifier itself."""

    def __init__(self, session: RequestsOAuthlibSession, url: str, client_secret: str | None) -> None:
        self.session = session
        self.url = url
        self.client_secret = client_secret

    def authorization_url(self) -> tuple[str, str]:
        address, state = self.session.authorization_url(self.url + AUTHORIZE)
        return str(address), str(state)

    def fetch(self, redirected_to: str) -> Token:
        # Without a secret the library has to be told to name the client in the body.
        public = {"include_client_id": True} if self.client_secret is None else {"client_secret": self.client_secret}
        return dict(self.session.fetch_token(self.url + TOKEN, authorization_response=redirected_to, **public))

    def refresh(self) -> Token:
        # Its refresh sends no credentials by itself; these go into the body.
        named: dict[str, Any] = {"client_id": self.session.client_id}
        if self.client_secret is not None:
            named["client_secret"] = self.client_secret
        return dict(self.session.refresh_token(self.url + TOKEN, **named))

    def get(self, url: str, headers: dict[str, str]) -> int:
        return int(self.session.request("GET", url, headers=headers, withhold_token=True).status_code)


@contextmanager
def library(name: str, method: str, registered: Registered, url: str) -> Iterator[Library]:
    """Set a library up for an application, as its documentation says."""
    client_id, secret = registered.application.client_id, registered.client_secret
    if name == "requests-oauthlib":
        with RequestsOAuthlibSession(client_id, redirect_uri=REDIRECT_URI, pkce="S256") as session:
            session.trust_env = False
            yield RequestsOAuthlib(session, url, secret)
        return
    made = AuthlibSession if name == "authlib-requests" else AuthlibClient
    with made(
        client_id,
        secret,
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        redirect_uri=REDIRECT_URI,
        code_challenge_method="S256",
        trust_env=False,
    ) as session:
        yield Authlib(session, url)


@pytest.mark.parametrize("name", ["authlib-requests", "authlib-httpx", "requests-oauthlib"])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_a_library_connects_calls_and_refreshes(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, method: str
) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # this Workgate is on http
    registered = world.spa if method == "none" else world.web
    projects = world.stand_in.url + PROJECTS
    with library(name, method, registered, world.stand_in.url) as client:
        address, state = client.authorization_url()
        back = redirected_from(world.browser(), address)
        assert query_of(back)["state"] == state
        first = client.fetch(back)
        assert first["token_type"] == "sessionID"
        assert first["wid"] == world.ann.user_id
        assert client.get(projects, {"sessionID": first["access_token"]}) == 200
        second = client.refresh()
        assert second["refresh_token"] != first["refresh_token"]
        assert second["access_token"] != first["access_token"]
        assert client.get(projects, {"sessionID": second["access_token"]}) == 200
        assert client.get(projects, {"Authorization": f"Bearer {second['access_token']}"}) == 200
        assert client.get(projects, {}) == 401


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_introspects_and_revokes(world: World, method: str) -> None:
    url = world.stand_in.url
    token = world.connect(world.web)
    with library("authlib-requests", method, world.web, url) as client:
        assert isinstance(client, Authlib)
        session = client.session
        described = session.introspect_token(url + INTROSPECT, token=token["access_token"])
        assert described.json()["active"] is True
        revoked = session.revoke_token(url + REVOKE, token=token["refresh_token"], token_type_hint="refresh_token")
        assert revoked.status_code == 200
    assert not world.works(token["access_token"])


def test_authlib_reports_a_refusal(world: World) -> None:
    with library("authlib-requests", "client_secret_basic", world.web, world.stand_in.url) as client:
        assert isinstance(client, Authlib)
        with pytest.raises(Exception, match="invalid_grant"):
            client.session.fetch_token(world.stand_in.url + TOKEN, code="wgc_made-up", grant_type="authorization_code")


def test_the_shape_of_php_league(world: World) -> None:
    """Contract §2.4 b and f: a form with the credentials and redirect_uri in the body, on refresh too."""
    body = {
        "client_id": world.web.application.client_id,
        "client_secret": str(world.web.client_secret),
        "redirect_uri": REDIRECT_URI,
    }
    code = world.browser().code(world.web, scope="", approval_prompt="auto", state="s")
    with httpx.Client(base_url=world.stand_in.url, trust_env=False) as http:
        first = http.post(TOKEN, data={**body, "grant_type": "authorization_code", "code": code})
        assert first.status_code == 200, first.text
        token = first.json()
        second = http.post(TOKEN, data={**body, "grant_type": "refresh_token", "refresh_token": token["refresh_token"]})
        assert second.status_code == 200, second.text


def test_the_shape_of_bb_io(world: World) -> None:
    """Contract §2.4: token_type names the header, refresh has no redirect_uri, expires_in is a whole number."""
    secret = {"client_id": world.plain.application.client_id, "client_secret": str(world.plain.client_secret)}
    code = world.browser().code(world.plain)
    form = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    with httpx.Client(base_url=world.stand_in.url, trust_env=False, headers=form) as http:
        grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
        token = http.post(TOKEN, data={**secret, **grant}).json()
        # It overwrites what it kept with each answer, so every answer has to hold everything.
        for _ in range(2):
            grant = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
            token = http.post(TOKEN, data={**secret, **grant}).json()
            assert set(token) == {"token_type", "access_token", "refresh_token", "expires_in", "wid"}
            assert isinstance(token["expires_in"], int)
            assert token["expires_in"] > 0
            called = http.get(PROJECTS, headers={token["token_type"]: token["access_token"]})
            assert called.status_code == 200


def test_the_shape_of_a_single_page_application(world: World) -> None:
    """Contract §2.4 d and g: JSON or form without any Authorization header, redirect_uri on refresh."""
    named = {"client_id": world.spa.application.client_id, "redirect_uri": REDIRECT_URI}
    pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    with httpx.Client(base_url=world.stand_in.url, trust_env=False) as http:
        for body in ("json", "data"):
            code = world.browser().code(world.spa, **pkce)
            grant = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
            first = http.post(TOKEN, **{body: {**named, **grant}})  # type: ignore[arg-type]
            assert first.status_code == 200, first.text
            grant = {"grant_type": "refresh_token", "refresh_token": first.json()["refresh_token"]}
            second = http.post(TOKEN, **{body: {**named, **grant}})  # type: ignore[arg-type]
            assert second.status_code == 200, second.text
