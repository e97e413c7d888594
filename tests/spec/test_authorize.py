"""The authorization request after client and redirect_uri were found good (SECURITY 3, 4, 5, 8, 9; WF-05, 13, 49)."""

import base64
import hashlib
from urllib.parse import quote, urlsplit

import httpx
import pytest
from tests.browser import (
    AUTHORIZE,
    CHALLENGE,
    REDIRECT_URI,
    Browser,
    World,
    authorize_params,
    query_of,
)

from workgate.domain.accounts import Environment
from workgate.service.applications import Registered

STATES = [
    "xyz &",
    "a+b c%20d%2B",
    "&code=stolen&iss=evil",
    "=",
    "#fragment",
    "?x=1",
    '"><script>alert(1)</script>',
    "{'json': [1, 2]}",
    "\u00fc\u20ac\U0001f600 \u202e",
    "../..//evil.example",
    "0",
    "%",
    "%zz%00",
    "s" * 2000,
]
FAULTS = {
    "no response_type": ("web", {"response_type": ""}, "invalid_request"),
    "implicit": ("web", {"response_type": "token"}, "unsupported_response_type"),
    "hybrid": ("web", {"response_type": "code token"}, "unsupported_response_type"),
    "hybrid, other order": ("web", {"response_type": "id_token code"}, "unsupported_response_type"),
    "id_token": ("web", {"response_type": "id_token"}, "unsupported_response_type"),
    "none": ("web", {"response_type": "none"}, "unsupported_response_type"),
    "case": ("web", {"response_type": "Code"}, "unsupported_response_type"),
    "space": ("web", {"response_type": "code "}, "unsupported_response_type"),
    "public, implicit": ("spa", {"response_type": "token"}, "unsupported_response_type"),
    "public without challenge": ("spa", {"code_challenge": ""}, "invalid_request"),
    "public without both": ("spa", {"code_challenge": "", "code_challenge_method": ""}, "invalid_request"),
    "public, no method": ("spa", {"code_challenge_method": ""}, "invalid_request"),
    "public, plain": ("spa", {"code_challenge_method": "plain"}, "invalid_request"),
    "method case": ("spa", {"code_challenge_method": "s256"}, "invalid_request"),
    "method S512": ("spa", {"code_challenge_method": "S512"}, "invalid_request"),
    "web, plain": ("web", {"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
    "web, no method": ("web", {"code_challenge": CHALLENGE}, "invalid_request"),
    "web, method alone": ("web", {"code_challenge_method": "S256"}, "invalid_request"),
    "challenge short": ("spa", {"code_challenge": CHALLENGE[:-1]}, "invalid_request"),
    "challenge long": ("spa", {"code_challenge": CHALLENGE + "A"}, "invalid_request"),
    "challenge padded": ("spa", {"code_challenge": CHALLENGE + "="}, "invalid_request"),
    "challenge in hex": ("spa", {"code_challenge": hashlib.sha256(b"x").hexdigest()}, "invalid_request"),
    "challenge in base64": ("spa", {"code_challenge": "+/" + CHALLENGE[2:]}, "invalid_request"),
    "challenge of 33 bytes": ("spa", {"code_challenge": base64.b64encode(b"x" * 33).decode()}, "invalid_request"),
    "challenge with spare bits": ("spa", {"code_challenge": "A" * 42 + "B"}, "invalid_request"),
    "challenge not ASCII": ("spa", {"code_challenge": "\u00fc" * 43}, "invalid_request"),
    "challenge and a line end": ("spa", {"code_challenge": CHALLENGE + "\n"}, "invalid_request"),
}
PKCE_FAULTS = {name: fault for name, fault in FAULTS.items() if "challenge" in name or "pl" in name or "method" in name}


def raw(browser: Browser, query: str) -> httpx.Response:
    return browser.http.get(f"{AUTHORIZE}?{query}")


def assert_sent_back(answer: httpx.Response, error: str, issuer: str, state: str | None) -> None:
    assert answer.status_code == 302, answer.text
    location = answer.headers["location"]
    assert location.startswith(f"{REDIRECT_URI}?")
    assert "#" not in location
    query = query_of(location)
    assert query["error"] == error
    assert query["error_description"]
    assert query.get("state") == state
    assert query["iss"] == issuer
    assert not {"code", "access_token", "refresh_token", "id_token", "domain"} & set(query)


@pytest.mark.spec("RFC 6749", "4.1.2.1", "other faults go back to the client with error and the unchanged state")
@pytest.mark.spec("RFC 9207", "2", "error answers carry iss")
@pytest.mark.parametrize(("kind", "params", "error"), FAULTS.values(), ids=FAULTS)
def test_fault_goes_back(shared: World, ann: Browser, kind: str, params: dict[str, str], error: str) -> None:
    registered: Registered = getattr(shared, kind)
    for browser in (ann, shared.browser()):
        for state in ("xyz &+%#", None):
            asked = authorize_params(registered, **params, **({} if state is None else {"state": state}))
            assert_sent_back(browser.authorize(**asked), error, shared.stand_in.url, state)


@pytest.mark.spec("RFC 7636", "4.4.1", "a public client must send an S256 challenge; plain and malformed are refused")
def test_public_client_with_a_challenge_is_served(shared: World, ann: Browser) -> None:
    # The counterpart of the table above: it refuses what it names, and not everything.
    assert ann.authorize(**authorize_params(shared.spa)).status_code == 200
    assert ann.authorize(**authorize_params(shared.web)).status_code == 200
    pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    assert ann.authorize(**authorize_params(shared.web, **pkce)).status_code == 200


@pytest.mark.spec("RFC 7636", "4.4.1", "a public client must send an S256 challenge; plain and malformed are refused")
@pytest.mark.parametrize(("kind", "params", "error"), PKCE_FAULTS.values(), ids=PKCE_FAULTS)
def test_pkce_fault_gives_no_page_to_consent_on(
    shared: World, ann: Browser, kind: str, params: dict[str, str], error: str
) -> None:
    answer = ann.authorize(**authorize_params(getattr(shared, kind), **params))
    assert answer.status_code == 302
    assert query_of(answer.headers["location"])["error"] == error


@pytest.mark.spec("RFC 6749", "4.1.2", "state comes back unchanged with the code")
@pytest.mark.spec("RFC 9207", "2", "the answer carries iss, the same as in the metadata")
@pytest.mark.parametrize("state", STATES)
def test_state_and_iss_with_the_code(shared: World, ann: Browser, state: str) -> None:
    answer = ann.decide(ann.authorize(**authorize_params(shared.web, state=state)))
    query = query_of(answer.headers["location"])
    assert query["state"] == state
    assert query["iss"] == shared.stand_in.url
    assert query["code"]
    assert (query["domain"], query["lane"]) == ("acme", "my")


@pytest.mark.spec("RFC 6749", "4.1.2", "state comes back unchanged with the code")
def test_state_survives_the_sign_in(shared: World) -> None:
    browser = shared.browser()
    for state in STATES[:-1]:
        asked = authorize_params(shared.web, state=state)
        login = browser.authorize(**asked)
        assert login.status_code == 302
        assert login.headers["location"].startswith("/login?next=")
        target = query_of(login.headers["location"])["next"]
        done = browser.sign_in(target=target)
        assert done.status_code == 303
        assert done.headers["location"] == target
        answer = browser.decide(browser.http.get(target))
        assert query_of(answer.headers["location"])["state"] == state
        browser.http.cookies.clear()


@pytest.mark.spec("RFC 6749", "4.1.2", "no state, no state in the answer")
def test_without_state(shared: World, ann: Browser) -> None:
    query = query_of(ann.decide(ann.authorize(**authorize_params(shared.web))).headers["location"])
    assert set(query) == {"code", "domain", "lane", "iss"}


@pytest.mark.spec("RFC 9207", "2", "the answer carries iss, the same as in the metadata")
@pytest.mark.parametrize("where", ["acme", "preview", "globex"])
def test_iss_is_the_issuer_of_the_environment(shared: World, where: str) -> None:
    environment: Environment = getattr(shared, where)
    app = shared.stand_in.create_app(environment, "Issuer")
    browser = shared.browser(environment)
    issuer = browser.http.get("/.well-known/oauth-authorization-server").json()["issuer"]
    assert f"{environment.domain}.{environment.lane}." in issuer
    assert browser.sign_in().status_code == 303
    allowed = browser.decide(browser.authorize(**authorize_params(app)))
    denied = browser.decide(browser.authorize(**authorize_params(app)), "deny")
    fault = browser.authorize(**authorize_params(app, response_type="token"))
    for answer in (allowed, denied, fault):
        assert query_of(answer.headers["location"])["iss"] == issuer
    query = query_of(allowed.headers["location"])
    assert (query["domain"], query["lane"]) == (environment.domain, environment.lane)


@pytest.mark.spec("RFC 6749", "3.1", "a parameter that is sent twice is refused")
@pytest.mark.parametrize("again", ["response_type", "state", "code_challenge", "code_challenge_method"])
@pytest.mark.parametrize("same", [True, False], ids=["same value", "other value"])
def test_repeated_parameter_goes_back(shared: World, ann: Browser, again: str, same: bool) -> None:
    asked = authorize_params(shared.spa, state="s")
    pairs = [*asked.items(), (again, asked[again] if same else "other")]
    answer = raw(ann, "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs))
    assert_sent_back(answer, "invalid_request", shared.stand_in.url, None if again == "state" else "s")


@pytest.mark.spec("RFC 6749", "3.1", "a parameter that is sent twice is refused")
@pytest.mark.parametrize("again", ["client_id", "redirect_uri"])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("encoded", [True, False])
def test_repeated_client_or_redirect_uri_is_an_error_page(
    shared: World, ann: Browser, again: str, first: bool, encoded: bool
) -> None:
    asked = authorize_params(shared.web, state="s")
    spelled = f"%{ord(again[0]):02x}{again[1:]}" if encoded else again
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in asked.items())
    extra = f"{spelled}={quote('https://evil.example/', safe='')}"
    answer = raw(ann, f"{extra}&{query}" if first else f"{query}&{extra}")
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.spec("RFC 6749", "3.1", "unknown parameters are ignored (WF-13)")
@pytest.mark.parametrize(
    "extra",
    [
        "scope=",
        "scope=offline_access",
        "scope=a&scope=b",
        "approval_prompt=auto",
        "search=1",
        "prompt=login",
        "prompt=none",
        "access_type=offline",
        "response_mode=fragment",
        "response_mode=form_post",
        "request_uri=https://evil.example/request",
        "request=eyJhbGciOiJub25lIn0.e30.",
        "nonce=n",
        "user=bob",
        "iss=https://evil.example",
        "code=stolen",
        "domain=globex&lane=preview",
        "redirect_uri[]=https://evil.example/",
        "Redirect_Uri=https://evil.example/",
        "%ff=%fe&&&=",
    ],
)
def test_unknown_parameters_are_ignored(shared: World, ann: Browser, extra: str) -> None:
    asked = "&".join(f"{key}={quote(value, safe='')}" for key, value in authorize_params(shared.web).items())
    answer = ann.decide(raw(ann, f"{asked}&{extra}"))
    assert answer.headers["location"].startswith(f"{REDIRECT_URI}?code=")
    query = query_of(answer.headers["location"])
    assert set(query) == {"code", "domain", "lane", "iss"}
    pair = shared.redeem(shared.web, query["code"]).json()
    assert pair["refresh_token"]
    assert pair["wid"] == shared.ann.user_id


@pytest.mark.spec("RFC 6749", "4.1.2.1", "a malformed value never reaches a header, and never is a 500")
@pytest.mark.parametrize("value", ["a%0d%0aSet-Cookie:%20a=b", "%00", "%ff%fe", "%7f", "%ed%a0%80", "x" * 8193])
@pytest.mark.parametrize("name", ["state", "response_type", "code_challenge"])
def test_malformed_value(shared: World, ann: Browser, name: str, value: str) -> None:
    asked = authorize_params(shared.spa)
    asked.pop(name, None)
    query = "&".join(f"{key}={quote(text, safe='')}" for key, text in asked.items())
    answer = raw(ann, f"{query}&{name}={value}")
    assert_sent_back(answer, "invalid_request", shared.stand_in.url, None)
    assert "set-cookie" not in answer.headers


@pytest.mark.spec("RFC 9700", "4.3.2", "the redirect carries no token and no fragment")
@pytest.mark.parametrize("kind", ["web", "spa"])
def test_redirect_carries_a_code_only(shared: World, ann: Browser, kind: str) -> None:
    registered: Registered = getattr(shared, kind)
    for decision, keys in (
        ("allow", {"code", "domain", "lane", "iss", "state"}),
        ("deny", {"error", "error_description", "iss", "state"}),
    ):
        location = ann.decide(ann.authorize(**authorize_params(registered, state="s")), decision).headers["location"]
        parts = urlsplit(location)
        assert "#" not in location
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == REDIRECT_URI
        assert set(query_of(location)) == keys
        assert "wgs_" not in location
        assert "wgr_" not in location


@pytest.mark.spec("RFC 9700", "2.6", "no CORS on the authorize endpoint")
@pytest.mark.parametrize("path", [AUTHORIZE, "/login", "/", "/integrations/oauth2/consent"])
def test_no_cors(shared: World, ann: Browser, path: str) -> None:
    origin = {"Origin": "https://client.example"}
    preflight = {**origin, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    params = authorize_params(shared.spa)
    answers = [
        ann.http.get(path, params=params, headers=origin),
        ann.http.options(path, params=params, headers=preflight),
        ann.http.post(path, params=params, headers=origin),
    ]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert answers[1].status_code == 405


@pytest.mark.spec("RFC 6749", "3.1", "the authorize endpoint answers to GET only")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_other_methods(shared: World, ann: Browser, method: str) -> None:
    answer = ann.http.request(method, AUTHORIZE, params=authorize_params(shared.web))
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
