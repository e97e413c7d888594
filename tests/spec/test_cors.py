"""Calls of web pages from other origins: single page applications read their answers, and nobody else does."""

from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest
from tests.browser import (
    AUTHORIZE,
    CONSENT,
    INTROSPECT,
    PROJECTS,
    REDIRECT_URI,
    REVOKE,
    TOKEN,
    VERIFIER,
    Browser,
    World,
    authorize_params,
    query_of,
)
from tests.processes import ServerProcess, installed, workgate

UNKNOWN = "/attask/api/v14.0/x/y/z"
METADATA = "/.well-known/oauth-authorization-server"
ORIGIN = "https://client.example"  # of the single page application's redirect URI
METHODS = {TOKEN: "POST", REVOKE: "POST", METADATA: "GET, HEAD", PROJECTS: "GET, POST, PUT, DELETE"}
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,sessionid",
}
NOT_REGISTERED = [
    "null",
    "",
    "*",
    "http://client.example",
    "https://client.example:8443",
    "https://client.example:443",
    "https://client.example.evil",
    "https://client.example.",
    "https://evil-client.example",
    "https://sub.client.example",
    "https://example",
    "https://client.example@evil.example",
    "https://client.example/",
    "https://client.example/callback",
    "https://CLIENT.example",
    "https://client.example, https://client.example",
    "https://web.example",  # a web application's
    "https://elsewhere.example",  # another environment's
    "com.example.app:",
    "com.example.app://",
]

Call = Callable[[httpx.Client, Mapping[str, str]], httpx.Response]


@pytest.fixture(scope="module", autouse=True)
def others(shared: World) -> None:
    """Applications whose origins must not count."""
    stand_in = shared.stand_in
    stand_in.create_app(shared.acme, "Web", redirect_uris=["https://web.example/callback"])
    stand_in.create_app(shared.globex, "Elsewhere", kind="spa", redirect_uris=["https://elsewhere.example/"])
    stand_in.create_app(shared.acme, "Native", kind="spa", redirect_uris=["com.example.app:/callback"])
    stand_in.create_app(shared.acme, "Local", kind="spa", redirect_uris=["http://127.0.0.1/callback"])


def cors_of(answer: httpx.Response) -> dict[str, str]:
    """What an answer tells a browser about other origins."""
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def assert_readable(answer: httpx.Response, origin: str = ORIGIN) -> None:
    """Browsers let pages of the origin read this answer."""
    assert cors_of(answer) == {"access-control-allow-origin": origin, "access-control-expose-headers": "retry-after"}
    assert "Origin" in answer.headers["vary"]


def calls(world: World) -> dict[str, tuple[int, Call]]:
    """Calls to each endpoint that pages may call, with the status that each is answered with."""
    client_id = world.spa.application.client_id
    unknown = {"client_id": client_id, "token": "wgr_nothing"}
    failing = {"grant_type": "refresh_token", "refresh_token": "wgr_nothing", "client_id": client_id}
    signed_in = {"sessionID": world.connect(world.spa)["access_token"]}
    return {
        "token": (400, lambda http, headers: http.post(TOKEN, json=failing, headers=headers)),
        "no client": (401, lambda http, headers: http.post(TOKEN, json={}, headers=headers)),
        "wrong method": (405, lambda http, headers: http.get(TOKEN, headers=headers)),
        "wrong type": (415, lambda http, headers: http.post(TOKEN, content="<a/>", headers=headers)),
        "too large": (413, lambda http, headers: http.post(TOKEN, content=b"a" * 70_000, headers=headers)),
        "revoke": (200, lambda http, headers: http.post(REVOKE, data=unknown, headers=headers)),
        "metadata": (200, lambda http, headers: http.get(METADATA, headers=headers)),
        "API": (200, lambda http, headers: http.get(PROJECTS, headers={**signed_in, **headers})),
        "API signed out": (401, lambda http, headers: http.get(PROJECTS, headers=headers)),
        "API unknown": (422, lambda http, headers: http.get(UNKNOWN, headers={**signed_in, **headers})),
    }


@pytest.mark.spec("Fetch", "CORS, HTTP responses", "pages of a single page application read every answer, errors too")
def test_readable(shared: World) -> None:
    for name, (status, call) in calls(shared).items():
        answer = call(shared.http(), {"Origin": ORIGIN})
        assert (name, answer.status_code) == (name, status)
        assert_readable(answer)


@pytest.mark.spec(
    "Fetch", "CORS, HTTP responses", "an origin that is not registered gets no CORS headers, and else the same answer"
)
@pytest.mark.parametrize("origin", NOT_REGISTERED)
def test_not_registered(shared: World, origin: str) -> None:
    for name, (status, call) in calls(shared).items():
        plain = call(shared.http(), {})
        answer = call(shared.http(), {"Origin": origin})
        assert (name, answer.status_code, cors_of(answer)) == (name, status, {})
        assert answer.headers["vary"] == "Origin"
        bodies = [{**found.json(), "reference": None} for found in (plain, answer)]
        assert bodies[0] == bodies[1]


@pytest.mark.spec(
    "Fetch", "CORS, HTTP requests", "the whole life of a token from a page: exchange, API, refresh, revoke"
)
def test_whole_life(shared: World, ann: Browser) -> None:
    http = shared.http()
    http.headers["Origin"] = ORIGIN
    page = ann.authorize(**authorize_params(shared.spa))
    code = query_of(ann.decide(page).headers["location"])["code"]
    client = {"client_id": shared.spa.application.client_id}
    redeemed = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": VERIFIER,
        "redirect_uri": REDIRECT_URI,
    }
    first = http.post(TOKEN, data={**client, **redeemed})
    rotated = {"grant_type": "refresh_token", "refresh_token": first.json()["refresh_token"]}
    second = http.post(TOKEN, json={**client, **rotated})
    session = {"sessionID": second.json()["access_token"]}
    projects = http.get(PROJECTS, headers=session)
    revoked = http.post(REVOKE, data={**client, "token": second.json()["refresh_token"]})
    for answer in (first, second, projects, revoked):
        assert answer.status_code == 200
        assert_readable(answer)
    assert http.get(PROJECTS, headers=session).status_code == 401


@pytest.mark.spec(
    "Fetch", "CORS, HTTP requests", "a preflight names the methods and headers that are used, and may be remembered"
)
@pytest.mark.parametrize("path", METHODS)
def test_preflight(shared: World, path: str) -> None:
    answer = shared.http().options(path, headers={"Origin": ORIGIN, **PREFLIGHT})
    assert (answer.status_code, answer.content) == (204, b"")
    assert cors_of(answer) == {
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-methods": METHODS[path],
        "access-control-allow-headers": "authorization, content-type, sessionID",
        "access-control-max-age": "7200",
    }
    assert answer.headers["vary"] == "Origin"


@pytest.mark.spec("Fetch", "CORS, HTTP requests", "a preflight from an origin that is not registered fails")
@pytest.mark.parametrize("path", METHODS)
@pytest.mark.parametrize("origin", [*NOT_REGISTERED, None])
def test_failing_preflight(shared: World, path: str, origin: str | None) -> None:
    answer = shared.http().options(path, headers={**PREFLIGHT, **({} if origin is None else {"Origin": origin})})
    assert answer.status_code == (422 if path == PROJECTS else 405)
    assert cors_of(answer) == {}


@pytest.mark.spec(
    "Fetch", "CORS, HTTP requests", "OPTIONS that asks for no method is no preflight, and is answered as always"
)
def test_other_options(shared: World) -> None:
    answer = shared.http().options(TOKEN, headers={"Origin": ORIGIN})
    assert answer.status_code == 405
    assert_readable(answer)


@pytest.mark.spec("RFC 8252", "7.3", "a loopback redirect without a port lets pages of any port of that address read")
@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://127.0.0.1:5173", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:5173", False),
        ("http://localhost:5173", False),
        ("http://127.0.0.1:99999", False),
        ("http://127.0.0.1.evil.example:5173", False),
    ],
)
def test_loopback(shared: World, origin: str, allowed: bool) -> None:
    answer = shared.http().get(METADATA, headers={"Origin": origin})
    if allowed:
        assert_readable(answer, origin)
    else:
        assert cors_of(answer) == {}


@pytest.mark.spec("RFC 9700", "2.6", "no page and no other endpoint has CORS, for registered origins neither")
@pytest.mark.parametrize("origin", [ORIGIN, "https://evil.example"])
def test_nowhere_else(shared: World, ann: Browser, origin: str) -> None:
    paths = [AUTHORIZE, CONSENT, INTROSPECT, "/login", "/logout", "/signed-out", "/", "/static/workgate.css"]
    for path in [*paths, "/nowhere", "/livez", "/readyz", TOKEN + "/", METADATA + "/"]:
        for method in ("GET", "POST", "OPTIONS"):
            answer = ann.http.request(method, path, headers={"Origin": origin, **PREFLIGHT})
            assert (path, method, cors_of(answer)) == (path, method, {})


@pytest.mark.spec("Fetch", "CORS, credentials", "the browser's cookies do not count in a call from another origin")
@pytest.mark.parametrize("origin", [ORIGIN, "https://evil.example", "null"])
def test_cookies_do_not_count(shared: World, origin: str) -> None:
    browser = shared.browser()
    assert browser.sign_in().status_code == 303
    own = {"Origin": shared.stand_in.url}
    for headers in ({}, own):
        assert browser.http.get(PROJECTS, headers=headers).status_code == 200
    answer = browser.http.get(PROJECTS, headers={"Origin": origin})
    assert answer.status_code == 401
    assert "access-control-allow-credentials" not in answer.headers
    assert browser.http.get("/attask/api/v14.0/logout", headers={"Origin": origin}).status_code == 200
    assert browser.http.get(PROJECTS).status_code == 200


@pytest.mark.spec("Fetch", "CORS, credentials", "a call from another origin sets no cookie")
@pytest.mark.parametrize("origin", [ORIGIN, "https://evil.example", "null"])
def test_cookies_are_not_set(shared: World, origin: str) -> None:
    login = {"username": "ann", "password": "correct horse battery"}
    http = shared.http()
    for headers, sets in (({}, True), ({"Origin": origin}, False)):
        answer = http.post("/attask/api/v14.0/login", data=login, headers=headers)
        assert answer.status_code == 200
        assert ("set-cookie" in answer.headers) is sets


@pytest.mark.spec("Fetch", "CORS protocol", "origins belong to one environment, lane against lane too")
def test_environments(shared: World) -> None:
    for environment, origin, allowed in (
        (shared.acme, ORIGIN, True),
        (shared.preview, ORIGIN, False),
        (shared.globex, ORIGIN, False),
        (shared.globex, "https://elsewhere.example", True),
    ):
        answer = shared.http(environment).get(METADATA, headers={"Origin": origin})
        assert (origin in cors_of(answer).values()) is allowed
    nowhere = shared.http().get(METADATA, headers={"Origin": ORIGIN, "Host": "unknown.my.localhost"})
    assert (nowhere.status_code, cors_of(nowhere)) == (404, {})


@pytest.mark.spec(
    "Fetch", "CORS protocol", "registering and deleting an application holds at the next call, on every node"
)
def test_changes_hold_at_once(tmp_path: Path) -> None:
    apps = installed(tmp_path)
    org = ("--org", "acme", "--lane", "my", "--json")
    added = "https://added.example"

    with ServerProcess(tmp_path) as server, server.client() as http:

        def readable(origin: str) -> bool:
            return origin in cors_of(http.get(METADATA, headers={"Origin": origin})).values()

        assert (readable(ORIGIN), readable(added)) == (True, False)
        # Other processes make the changes; the server has remembered what held before.
        create = ("app", "create", "Added", *org, "--type", "spa", "--redirect-uri", f"{added}/callback")
        client_id = workgate(*create, folder=tmp_path).json["client_id"]
        assert (readable(ORIGIN), readable(added)) == (True, True)
        for deleted in (client_id, apps["spa"].application.client_id):
            assert workgate("app", "delete", deleted, *org, folder=tmp_path).json is not None
        assert (readable(ORIGIN), readable(added)) == (False, False)
