"""The metadata document says exactly what the routes do: nothing in it is believed here, all is tried (SECURITY 22)."""

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.browser import (
    CHALLENGE,
    REDIRECT_URI,
    TOKEN,
    VERIFIER,
    Browser,
    World,
    authorize_params,
    query_of,
)

from workgate.domain.accounts import Environment
from workgate.service.applications import Registered

METADATA = "/.well-known/oauth-authorization-server"
ENDPOINTS = ("token_endpoint", "revocation_endpoint", "introspection_endpoint")
ALL_METHODS = (
    "client_secret_basic",
    "client_secret_post",
    "none",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
)


@pytest.fixture(scope="module")
def document(shared: World) -> dict[str, Any]:
    answer = shared.http().get(METADATA)
    assert answer.status_code == 200
    assert answer.headers["content-type"].lower().startswith("application/json")
    found: dict[str, Any] = answer.json()
    return found


def refresh_by(method: str, world: World, browser: Browser, url: str) -> httpx.Response:
    """Present a live refresh token at ``url``, to refresh, revoke or introspect it, with one authentication method."""
    registered: Registered = world.spa if method == "none" else world.web
    client_id, secret = registered.application.client_id, registered.client_secret or ""
    token = world.connect(registered, browser)["refresh_token"]
    params = {"token": token}
    if url.endswith(TOKEN):
        params = {"grant_type": "refresh_token", "refresh_token": token}
    assertion = {
        "client_id": client_id,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "eyJhbGciOiJub25lIn0.e30.",
    }
    http = world.http()
    match method:
        case "client_secret_basic":
            return http.post(url, data=params, auth=(client_id, secret))
        case "client_secret_post":
            return http.post(url, data={**params, "client_id": client_id, "client_secret": secret})
        case "none" | "tls_client_auth":
            return http.post(url, data={**params, "client_id": client_id})
        case _:
            return http.post(url, data={**params, **assertion})


@pytest.mark.spec("RFC 8414", "3.3", "the issuer is the address that the document came from")
@pytest.mark.parametrize("where", [None, "acme", "preview", "globex"])
def test_issuer(shared: World, where: str | None) -> None:
    environment: Environment | None = None if where is None else getattr(shared, where)
    http = shared.http(environment)
    document = http.get(METADATA).json()
    issuer = document["issuer"]
    parts = urlsplit(issuer)
    assert (parts.path, parts.query, parts.fragment) == ("", "", "")
    assert parts.netloc == (http.headers.get("host") or f"localhost:{shared.stand_in.port}")
    for name, value in document.items():
        if name.endswith("_endpoint"):
            assert value.startswith(f"{issuer}/"), name


@pytest.mark.spec("RFC 8414", "2", "what is listed, and nothing else")
def test_members(document: dict[str, Any]) -> None:
    """A new member needs a test of its own here: the document promises it."""
    assert set(document) == {
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "response_types_supported",
        "response_modes_supported",
        "grant_types_supported",
        "code_challenge_methods_supported",
        "token_endpoint_auth_methods_supported",
        "revocation_endpoint_auth_methods_supported",
        "introspection_endpoint_auth_methods_supported",
        "authorization_response_iss_parameter_supported",
        "jwt_exchange_endpoint",
        "jwt_exchange_endpoint_auth_methods_supported",
        "jwt_exchange_signing_alg_values_supported",
    }


@pytest.mark.spec("RFC 8414", "2", "every announced endpoint answers")
def test_endpoints_answer(shared: World, ann: Browser, document: dict[str, Any]) -> None:
    http = shared.http()
    assert ann.http.get(document["authorization_endpoint"], params=authorize_params(shared.web)).status_code == 200
    for name in ENDPOINTS:
        assert http.post(document[name], json={}).status_code == 401, name
        assert http.get(document[name]).status_code == 405, name


@pytest.mark.spec("RFC 8414", "2", "each listed method of client authentication works, and the others do not")
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("method", ALL_METHODS)
def test_authentication_methods(
    shared: World, ann: Browser, document: dict[str, Any], endpoint: str, method: str
) -> None:
    listed = document[f"{endpoint}_auth_methods_supported"]
    assert set(listed) <= set(ALL_METHODS)
    answer = refresh_by(method, shared, ann, document[endpoint])
    if method in listed:
        assert answer.status_code == 200, answer.text
        if endpoint == "introspection_endpoint":
            assert answer.json()["active"] is True
    else:
        assert answer.status_code == 401, answer.text
        assert answer.json()["error"] == "invalid_client"


@pytest.mark.spec("Workfront", "2.7", "the JWT exchange is announced; test_jwt_exchange tries what is listed")
def test_jwt_exchange(shared: World, document: dict[str, Any]) -> None:
    assert document["jwt_exchange_signing_alg_values_supported"] == ["RS256"]
    listed = document["jwt_exchange_endpoint_auth_methods_supported"]
    assert listed == ["client_secret_basic", "client_secret_post"]
    client_id, secret = shared.machine.application.client_id, shared.machine.client_secret or ""
    url, http = document["jwt_exchange_endpoint"], shared.http()
    for answer in (
        http.post(url, data={"jwt_token": "x"}, auth=(client_id, secret)),
        http.post(url, data={"jwt_token": "x", "client_id": client_id, "client_secret": secret}),
    ):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert http.post(url, data={"jwt_token": "x", "client_id": client_id}).status_code == 401


@pytest.mark.spec("RFC 8414", "2", "each listed grant works, and the others are refused")
@pytest.mark.parametrize(
    "grant",
    [
        "authorization_code",
        "refresh_token",
        "password",
        "client_credentials",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
    ],
)
def test_grants(shared: World, ann: Browser, document: dict[str, Any], grant: str) -> None:
    params = {
        "grant_type": grant,
        "code": ann.code(shared.web),
        "redirect_uri": REDIRECT_URI,
        "refresh_token": shared.connect(shared.web, ann)["refresh_token"],
        "username": "ann",
        "password": "correct horse battery",
        "assertion": "e30.e30.",
    }
    answer = shared.token(shared.web, params)
    if grant in document["grant_types_supported"]:
        assert answer.status_code == 200
    else:
        assert answer.status_code == 400
        assert answer.json()["error"] == "unsupported_grant_type"
    assert set(document["grant_types_supported"]) == {"authorization_code", "refresh_token"}


@pytest.mark.spec("RFC 8414", "2", "each listed response type and mode works, and the others are refused")
@pytest.mark.parametrize("response_type", ["code", "token", "id_token", "code token", "code id_token", "none"])
def test_response_types(shared: World, ann: Browser, document: dict[str, Any], response_type: str) -> None:
    answer = ann.authorize(**authorize_params(shared.web, response_type=response_type))
    if response_type in document["response_types_supported"]:
        location = ann.decide(answer).headers["location"]
        assert "code" in query_of(location)
        assert "#" not in location
    else:
        assert query_of(answer.headers["location"])["error"] == "unsupported_response_type"
    assert document["response_types_supported"] == ["code"]
    assert document["response_modes_supported"] == ["query"]


@pytest.mark.spec("RFC 8414", "2", "each listed challenge method works; plain is not listed, and refused")
@pytest.mark.parametrize("method", ["S256", "plain", "S512"])
def test_challenge_methods(shared: World, ann: Browser, document: dict[str, Any], method: str) -> None:
    challenge = CHALLENGE if method != "plain" else VERIFIER[:43]
    pkce = {"code_challenge": challenge, "code_challenge_method": method}
    answer = ann.authorize(**authorize_params(shared.spa, **pkce))
    if method in document["code_challenge_methods_supported"]:
        code = query_of(ann.decide(answer).headers["location"])["code"]
        assert shared.redeem(shared.spa, code, code_verifier=VERIFIER).status_code == 200
    else:
        assert query_of(answer.headers["location"])["error"] == "invalid_request"
    assert document["code_challenge_methods_supported"] == ["S256"]


@pytest.mark.spec("RFC 9207", "3", "iss is announced, and sent with code and error")
def test_iss(shared: World, ann: Browser, document: dict[str, Any]) -> None:
    assert document["authorization_response_iss_parameter_supported"] is True
    page = ann.authorize(**authorize_params(shared.web))
    fault = ann.authorize(**authorize_params(shared.web, response_type="x"))
    for answer in (ann.decide(page), fault):
        assert query_of(answer.headers["location"])["iss"] == document["issuer"]


@pytest.mark.spec("RFC 8414", "3", "the document is for reading only, and for environments that exist")
def test_other_requests(shared: World) -> None:
    http = shared.http()
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = http.request(method, METADATA)
        assert answer.status_code == 405
        assert "GET" in answer.headers["allow"]
    assert http.head(METADATA).status_code == 200
    for host in ("unknown.my.localhost", "acme.nolane.localhost"):
        assert http.get(METADATA, headers={"Host": host}).status_code == 404
