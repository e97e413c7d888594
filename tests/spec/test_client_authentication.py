"""How clients prove who they are: every documented combination, and every wrong one (SECURITY 13; contract §2.4)."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import httpx
import pytest
from tests.browser import CHALLENGE, REDIRECT_URI, REVOKE, TOKEN, VERIFIER, Browser, World, a_world, authorize_params

from workgate.service.acting import OPERATOR
from workgate.service.applications import Registered

FORM = "application/x-www-form-urlencoded"
CONTENT_TYPES = {
    "json": "application/json",
    "json with charset": "application/json; charset=utf-8",
    "json in capitals": "Application/JSON;charset=UTF-8",
    "form": FORM,
    "form with charset": f"{FORM}; charset=UTF-8",
}


def basic(client_id: str, client_secret: str, scheme: str = "Basic") -> dict[str, str]:
    return {"Authorization": f"{scheme} " + base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()}


def percent(text: str) -> str:
    """Percent-encode every character: the most that form encoding may do."""
    return "".join(f"%{ord(character):02X}" for character in text)


def post(
    http: httpx.Client, content_type: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> httpx.Response:
    content = json.dumps(body) if "json" in content_type.lower() else urlencode(body)
    return http.post(TOKEN, content=content, headers={"Content-Type": content_type, **(headers or {})})


def code_request(ann: Browser, registered: Registered) -> dict[str, str]:
    code = ann.code(registered, **authorize_params(registered))
    return {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}


def credentials(registered: Registered) -> dict[str, str]:
    return {"client_id": registered.application.client_id, "client_secret": registered.client_secret or ""}


def assert_pair(answer: httpx.Response, world: World) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].lower().startswith("application/json")
    assert answer.headers["cache-control"] == "no-store"
    pair: dict[str, Any] = answer.json()
    assert set(pair) == {"token_type", "access_token", "refresh_token", "expires_in", "wid"}
    assert pair["token_type"] == "sessionID"
    assert isinstance(pair["expires_in"], int)
    assert pair["expires_in"] > 0
    assert pair["wid"] == world.ann.user_id
    assert world.works(pair["access_token"])
    return pair


def assert_unauthenticated(answer: httpx.Response, *, tried_basic: bool) -> None:
    assert answer.status_code == 401, answer.text
    assert answer.json()["error"] == "invalid_client"
    assert answer.headers.get("www-authenticate", "").startswith("Basic ") is tried_basic
    assert answer.headers["cache-control"] == "no-store"
    assert "access_token" not in answer.json()


@pytest.mark.spec("RFC 6749", "2.3.1", "Basic and body, form and JSON: contract §2.4 a, b, c, e, f (WF-01, WF-24)")
@pytest.mark.parametrize("content_type", CONTENT_TYPES.values(), ids=CONTENT_TYPES)
@pytest.mark.parametrize("method", ["basic", "basic, form-encoded", "basic and client_id", "body"])
def test_confidential_client(shared: World, ann: Browser, content_type: str, method: str) -> None:
    app, http = shared.web, shared.http()
    client_id, secret = app.application.client_id, app.client_secret or ""
    ways: dict[str, tuple[dict[str, str], dict[str, str]]] = {
        "basic": (basic(client_id, secret, "Basic"), {}),
        "basic, form-encoded": (basic(percent(client_id), percent(secret), "bAsIc"), {}),
        "basic and client_id": (basic(client_id, secret), {"client_id": client_id}),
        "body": ({}, credentials(app)),
    }
    headers, more = ways[method]
    pair = assert_pair(post(http, content_type, {**code_request(ann, app), **more}, headers), shared)
    # Refreshing: redirect_uri is optional; one connector sends it and another does not.
    for redirect in ({}, {"redirect_uri": REDIRECT_URI}):
        refresh = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"], **redirect, **more}
        pair = assert_pair(post(http, content_type, refresh, headers), shared)


@pytest.mark.spec("RFC 7636", "4.5", "a public client sends its verifier and no secret: contract §2.4 d, g")
@pytest.mark.parametrize("content_type", CONTENT_TYPES.values(), ids=CONTENT_TYPES)
def test_public_client(shared: World, ann: Browser, content_type: str) -> None:
    http, named = shared.http(), {"client_id": shared.spa.application.client_id}
    asked = {**code_request(ann, shared.spa), **named, "code_verifier": VERIFIER}
    pair = assert_pair(post(http, content_type, asked), shared)
    for redirect in ({}, {"redirect_uri": REDIRECT_URI}):
        refresh = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"], **named, **redirect}
        pair = assert_pair(post(http, content_type, refresh), shared)
    # Libraries that send an empty password by Basic name the client too.
    refresh = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    assert_pair(post(http, content_type, refresh, basic(named["client_id"], "")), shared)


@pytest.mark.spec("RFC 6749", "2.3", "two methods of client authentication at once are refused")
@pytest.mark.parametrize("content_type", ["application/json", FORM])
def test_two_methods(shared: World, ann: Browser, content_type: str) -> None:
    app, other, http = shared.web, shared.plain, shared.http()
    by_basic = basic(app.application.client_id, app.client_secret or "")
    asked = code_request(ann, app)
    both: list[dict[str, str | None]] = [
        {**credentials(app)},
        {"client_secret": app.client_secret},
        {"client_secret": "wrong"},
        {"client_id": other.application.client_id},
        {"client_id": shared.spa.application.client_id},
        {**credentials(other)},
    ]
    for more in both:
        answer = post(http, content_type, {**asked, **more}, by_basic)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"] == "invalid_request"
    assert_pair(post(http, content_type, asked, by_basic), shared)


@pytest.mark.spec("RFC 6749", "3.2.1", "a failed client authentication is 401 invalid_client and burns nothing")
@pytest.mark.parametrize("kind", ["web", "plain"])
def test_wrong_secret_burns_nothing(shared: World, ann: Browser, kind: str) -> None:
    app: Registered = getattr(shared, kind)
    http, client_id, secret = shared.http(), app.application.client_id, app.client_secret or ""
    wrong = ["wrong", "", secret[:-1], secret + "x", secret.swapcase(), f" {secret}", "None", secret[::-1], "\u00fc"]
    wrong += [shared.machine.client_secret or "", client_id, "\x00", "%"]
    asked = code_request(ann, app)
    for attempt in wrong:
        in_body = post(http, FORM, {**asked, "client_id": client_id, "client_secret": attempt})
        if attempt == "\x00":
            assert in_body.status_code == 400
        else:
            assert_unauthenticated(in_body, tried_basic=False)
        assert_unauthenticated(post(http, FORM, asked, basic(client_id, attempt)), tried_basic=True)
    pair = assert_pair(post(http, FORM, asked, basic(client_id, secret)), shared)
    refresh = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    for attempt in wrong:
        assert_unauthenticated(post(http, FORM, refresh, basic(client_id, attempt)), tried_basic=True)
    assert_pair(post(http, FORM, refresh, basic(client_id, secret)), shared)


@pytest.mark.spec("RFC 6749", "3.2.1", "a web application without its secret is refused")
def test_none_for_web(shared: World, ann: Browser) -> None:
    http, app = shared.http(), shared.web
    named = {"client_id": app.application.client_id}
    code = ann.code(app, **authorize_params(app, code_challenge=CHALLENGE, code_challenge_method="S256"))
    asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
    assert_unauthenticated(post(http, FORM, {**asked, **named}), tried_basic=False)
    assert_unauthenticated(post(http, FORM, {**asked, **named, "client_secret": ""}), tried_basic=False)
    assert_unauthenticated(post(http, FORM, asked), tried_basic=False)
    assert_unauthenticated(post(http, "application/json", {**asked, **named, "client_secret": None}), tried_basic=False)
    pair = assert_pair(post(http, FORM, {**asked, **credentials(app)}), shared)
    refresh = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"], **named}
    assert_unauthenticated(post(http, FORM, refresh), tried_basic=False)
    assert_pair(post(http, FORM, {**refresh, **credentials(app)}), shared)


@pytest.mark.spec("RFC 6749", "2.3.1", "a public client has no secret, and none is accepted from it")
def test_secret_of_a_public_client(shared: World, ann: Browser) -> None:
    http, app = shared.http(), shared.spa
    client_id = app.application.client_id
    asked = {**code_request(ann, app), "code_verifier": VERIFIER}
    guessed = {"client_id": client_id, "client_secret": "x"}
    assert_unauthenticated(post(http, FORM, {**asked, **guessed}), tried_basic=False)
    assert_unauthenticated(post(http, FORM, asked, basic(client_id, "x")), tried_basic=True)
    assert_pair(post(http, FORM, {**asked, "client_id": client_id}), shared)


@pytest.mark.spec("RFC 6749", "2.3.1", "what is not a Basic header is a failed authentication")
def test_unreadable_authorization_header(shared: World, ann: Browser) -> None:
    http, app = shared.http(), shared.web
    asked = code_request(ann, app)
    pair = f"{app.application.client_id}:{app.client_secret}"
    good = base64.b64encode(pair.encode()).decode()
    headers = [
        "Basic",
        "Basic !!!!",
        f"Basic {pair}",
        f"Basic {good[:-3]}",
        f"Basic {good} {good}",
        f"Bearer {good}",
        f"Digest {good}",
        good,
        "Basic " + base64.b64encode(pair.replace(":", "").encode()).decode(),
        "Basic " + base64.b64encode(pair.partition(":")[2].encode()).decode(),
        "Basic " + base64.b64encode(f":{app.client_secret}".encode()).decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:" + b"x").decode(),
        "Basic " + base64.b64encode(b"a\x00b:c\x00d").decode(),
        "Basic " + base64.b64encode(b"%00:%0d%0a").decode(),
        "Basic " + "A" * 20_000,
    ]
    for header in headers:
        answer = post(http, FORM, asked, {"Authorization": header})
        assert_unauthenticated(answer, tried_basic=True)
        assert "\x00" not in answer.headers["www-authenticate"]
    twice = httpx.Headers([("Authorization", f"Basic {good}"), ("Authorization", f"Basic {good}")])
    assert http.post(TOKEN, data=asked, headers=twice).status_code == 401
    assert_pair(post(http, FORM, asked, {"Authorization": f"Basic {good}"}), shared)


@pytest.mark.spec("RFC 6749", "2.3.1", "secrets and tokens in the address are never accepted")
@pytest.mark.parametrize("name", ["client_secret", "code", "code_verifier", "refresh_token", "token"])
@pytest.mark.parametrize("path", [TOKEN, REVOKE])
def test_secrets_in_the_address(shared: World, ann: Browser, name: str, path: str) -> None:
    http, app = shared.http(), shared.web
    asked = {**code_request(ann, app), **credentials(app)}
    value = asked.get(name, "x" * 43)
    rest = {key: text for key, text in asked.items() if key != name}
    for query in (f"{name}={quote_plus(value)}", f"%{ord(name[0]):02x}{name[1:]}={quote(value)}", f"{name}=a&{name}=b"):
        for body in (rest, asked):
            answer = http.post(f"{path}?{query}", data=body)
            assert answer.status_code == 400, answer.text
            assert answer.json()["error"] == "invalid_request"
            assert value not in answer.text
    # All of it in the address, and nothing in the body.
    assert http.post(path, params=asked, headers={"Content-Type": FORM}).status_code == 400
    assert_pair(http.post(TOKEN, data=asked), shared)


@pytest.mark.spec("RFC 6749", "2.3.1", "any of several secrets authenticates, and a deleted one does not")
def test_several_secrets(shared: World, ann: Browser) -> None:
    app = shared.stand_in.create_app(shared.acme, "Secrets")
    http, client_id, registry = shared.http(), app.application.client_id, shared.stand_in.workgate.services.registry
    _, second = shared.stand_in.run(registry.add_secret(shared.acme, client_id, "second", by=OPERATOR))
    first_id = app.application.secrets[0].secret_id
    for secret in (app.client_secret or "", second):
        assert_pair(post(http, FORM, code_request(ann, app), basic(client_id, secret)), shared)
    shared.stand_in.run(registry.delete_secret(shared.acme, client_id, str(first_id), by=OPERATOR))
    asked = code_request(ann, app)
    assert_unauthenticated(post(http, FORM, asked, basic(client_id, app.client_secret or "")), tried_basic=True)
    assert_pair(post(http, FORM, asked, basic(client_id, second)), shared)


@pytest.mark.spec("OWASP ASVS", "V6.3.1", "failures are limited: 429 with Retry-After, however the ID is spelled")
def test_rate_limit() -> None:
    with a_world(client_failures=3) as world:
        http, app = world.http(), world.web
        client_id = app.application.client_id
        asked = {"grant_type": "refresh_token", "refresh_token": "x"}
        good = basic(client_id, app.client_secret or "")
        spellings = [client_id, percent(client_id), percent(client_id).lower(), client_id[:5] + percent(client_id[5:])]
        statuses = [post(http, FORM, asked, basic(spelled, "wrong")).status_code for spelled in spellings]
        assert statuses == [401, 401, 401, 429]
        # From then on nobody gets through from there, not even with the right secret, by any method.
        limited = [post(http, FORM, asked, good), post(http, FORM, {**asked, **credentials(app)})]
        for answer in limited:
            assert answer.status_code == 429
            assert 1 <= int(answer.headers["retry-after"]) <= 60
            assert answer.json()["statusCode"] == 429
            assert answer.headers["cache-control"] == "no-store"
        # Other clients are not kept out.
        assert world.connect(world.plain)["refresh_token"]
        browser = world.browser()
        asked = code_request(browser, app)
        assert post(http, FORM, asked, good).status_code == 429
        world.clock.advance(int(limited[0].headers["retry-after"]))
        assert_pair(post(http, FORM, asked, good), world)


@pytest.mark.spec("OWASP ASVS", "V6.3.1", "success is never limited")
def test_success_is_not_limited() -> None:
    with a_world(client_failures=2) as world:
        pair = world.connect(world.plain)
        for _ in range(6):
            assert world.refresh(world.plain, pair["refresh_token"]).status_code == 200
