"""The token endpoint against everything that is not a good request (SECURITY 14, 15)."""

import json
import socket
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from tests.browser import (
    INTROSPECT,
    REDIRECT_URI,
    REVOKE,
    TOKEN,
    Browser,
    World,
    a_world,
    authorize_params,
)

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
MARK = "xyzzyMARK"
MEMBERS = {"error", "error_description", "statusCode", "type", "message", "reference"}
LARGEST = 64 * 1024


def good(world: World, browser: Browser) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": browser.code(world.web, **authorize_params(world.web)),
        "redirect_uri": REDIRECT_URI,
        "client_id": world.web.application.client_id,
        "client_secret": world.web.client_secret or "",
    }


def assert_error(answer: httpx.Response, *statuses: int) -> dict[str, Any]:
    assert answer.status_code in (statuses or range(400, 500)), (answer.status_code, answer.text)
    assert answer.headers["content-type"].lower().startswith("application/json")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert MARK not in answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) == MEMBERS
    assert isinstance(body["error"], str)
    assert body["error"] == body["type"]
    assert body["error_description"] == body["message"]
    assert body["message"].isprintable()
    assert body["message"].isascii()
    assert '"' not in body["message"]
    assert "\\" not in body["message"]
    assert body["statusCode"] == answer.status_code
    assert body["reference"]
    return body


@pytest.mark.spec("RFC 6749", "3.2", "the token endpoint takes POST only: 405")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", [TOKEN, REVOKE, INTROSPECT])
def test_other_methods(shared: World, method: str, path: str) -> None:
    answer = shared.http().request(method, path, params={"grant_type": MARK})
    assert_error(answer, 405)
    assert answer.headers["allow"] == "POST"
    assert not [name for name in answer.headers if name.startswith("access-control-allow")]


@pytest.mark.spec("RFC 6749", "3.2", "the token endpoint takes POST only: 405")
def test_head(shared: World) -> None:
    answer = shared.http().head(TOKEN)
    assert answer.status_code == 405
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.spec("RFC 6749", "3.2", "the token endpoint takes POST only: 405")
def test_method_is_not_overridden(shared: World, ann: Browser) -> None:
    override = {"X-HTTP-Method-Override": "POST"}
    answer = shared.http().request("PUT", TOKEN, data=good(shared, ann), headers=override)
    assert_error(answer, 405)


NOT_OBJECTS = {
    "nothing": b"",
    "a space": b" ",
    "null": b"null",
    "true": b"true",
    "a number": b"12",
    "a text": b'"xyzzyMARK"',
    "an array": b'[{"grant_type": "xyzzyMARK"}]',
    "an empty array": b"[]",
    "not ended": b'{"grant_type": "xyzzyMARK"',
    "two objects": b'{"grant_type": "xyzzyMARK"}{}',
    "comma at the end": b'{"grant_type": "xyzzyMARK",}',
    "single quotes": b"{'grant_type': 'xyzzyMARK'}",
    "a comment": b'{"grant_type": "x" /* xyzzyMARK */}',
    "a form": b"grant_type=xyzzyMARK",
    "NUL": b"\x00",
    "broken UTF-8": b'{"grant_type": "\xff\xfe"}',
    "overlong UTF-8": b'{"grant_type": "\xc0\x80"}',
    "UTF-16": '{"grant_type": "x"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"grant_type": "x"}',
    "line end in a text": b'{"grant_type": "a\nb"}',
    "deep arrays": b"[" * 30_000,
    "deep objects": b'{"grant_type":' * 4_000,
    "a long number": b'{"grant_type": ' + b"9" * 20_000 + b"}",
    "gzip": b"\x1f\x8b\x08\x00xyzzyMARK",
}


@pytest.mark.spec("RFC 6749", "5.2", "a body that cannot be read is a 4xx JSON error without an echo")
@pytest.mark.parametrize("body", NOT_OBJECTS.values(), ids=NOT_OBJECTS)
def test_broken_json(shared: World, body: bytes) -> None:
    http = shared.http()
    for headers in (JSON, {"Content-Type": "application/json; charset=utf-16"}):
        assert assert_error(http.post(TOKEN, content=body, headers=headers), 400)["error"] == "invalid_request"


ODD_FORMS = [
    b"\xff\xfe",
    b"grant_type=\xc3\xbc",
    b"grant_type=%ff%fe",
    b"grant_type=%00xyzzyMARK",
    b"grant_type=a%0d%0axyzzyMARK",
    b"\x00",
    b"&&&&&",
    b"=",
    b"%",
    b"grant_type",
    b"grant_type=refresh_token&grant_type=refresh_token",
    b"grant_type=a&%67rant_type=xyzzyMARK",
    b"grant_type[]=refresh_token",
    b"grant_type=refresh_token;client_id=xyzzyMARK",
    b'{"grant_type": "xyzzyMARK"}',
    b"&" * 60_000,
    b"grant_type=" + b"A" * 9_000,
]


@pytest.mark.spec("RFC 6749", "5.2", "a body that cannot be read is a 4xx JSON error without an echo")
@pytest.mark.parametrize("body", ODD_FORMS)
def test_odd_forms(shared: World, body: bytes) -> None:
    assert_error(shared.http().post(TOKEN, content=body, headers=FORM), 400, 401)


WRONG = [
    0, 1, -1, 1.5, 1e308, True, False, [], [MARK], {}, {"$ne": MARK}, {MARK: MARK}, [[MARK]],
    "", "\x00", f"{MARK}\x00", f"a\r\n{MARK}", "\x7f", MARK * 2000, f"' OR '1'='1 {MARK}", "\U0001f600", f"${{{MARK}}}",
]  # fmt: skip
NAMES = ["grant_type", "client_id", "client_secret", "code", "redirect_uri", "code_verifier"]


@pytest.mark.spec("RFC 6749", "5.2", "a wrong type or value of any parameter is a 4xx JSON error without an echo")
@pytest.mark.parametrize("name", NAMES)
def test_wrong_values_in_json(shared: World, ann: Browser, name: str) -> None:
    http, asked = shared.http(), good(shared, ann)
    values = [value for value in WRONG if (name, value) != ("code_verifier", "")]
    for value in values:
        body = assert_error(http.post(TOKEN, json={**asked, name: value}), 400, 401)
        if not isinstance(value, str):
            assert body["error"] == "invalid_request"
    # The code survived them all.
    assert http.post(TOKEN, json=asked).status_code == 200


@pytest.mark.spec("RFC 6749", "5.2", "a wrong type or value of any parameter is a 4xx JSON error without an echo")
@pytest.mark.parametrize("name", NAMES)
def test_wrong_values_in_a_form(shared: World, ann: Browser, name: str) -> None:
    http, asked = shared.http(), good(shared, ann)
    for value in (value for value in WRONG if isinstance(value, str) and (name, value) != ("code_verifier", "")):
        assert_error(http.post(TOKEN, data={**asked, name: value}), 400, 401)
    assert http.post(TOKEN, data=asked).status_code == 200


@pytest.mark.spec("RFC 6749", "5.2", "a wrong type or value of any parameter is a 4xx JSON error without an echo")
def test_surrogates_in_json(shared: World) -> None:
    body = b'{"grant_type": "refresh_token", "client_id": "\\ud800", "refresh_token": "\\udfff"}'
    assert_error(shared.http().post(TOKEN, content=body, headers=JSON), 400, 401)


@pytest.mark.spec("RFC 6749", "3.2", "a parameter that is sent twice is refused")
@pytest.mark.parametrize("name", NAMES[:-1])
def test_repeated_parameters(shared: World, ann: Browser, name: str) -> None:
    http, asked = shared.http(), good(shared, ann)
    for again in (asked[name], "other"):
        form = urlencode([*asked.items(), (name, again)])
        in_json = json.dumps(asked)[:-1] + f", {json.dumps(name)}: {json.dumps(again)}}}"
        for content, headers in ((form, FORM), (in_json, JSON)):
            body = assert_error(http.post(TOKEN, content=content, headers=headers), 400)
            assert body["error"] == "invalid_request"
    assert http.post(TOKEN, data=asked).status_code == 200


@pytest.mark.spec("RFC 6749", "3.2", "unknown parameters are ignored")
def test_unknown_parameters(shared: World, ann: Browser) -> None:
    more = {"scope": "everything", "audience": "x", "resource": [1], "__proto__": {"a": 1}, "expires_in": 10**9}
    answer = shared.http().post(TOKEN, json={**good(shared, ann), **more})
    assert answer.status_code == 200
    assert answer.json()["expires_in"] == shared.acme.session_idle_seconds


CONTENT_TYPES = [
    None,
    "",
    "text/plain",
    "text/json",
    "application/xml",
    "application/jsonp",
    "application/json+x",
    "application/vnd.api+json",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded2",
    "application/json, application/x-www-form-urlencoded",
    f"text/{MARK}",
    "x" * 4000,
    ";charset=utf-8",
]


@pytest.mark.spec("RFC 6749", "5.2", "no or a wrong Content-Type is a 4xx JSON error")
@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_wrong_content_type(shared: World, ann: Browser, content_type: str | None) -> None:
    http, asked = shared.http(), good(shared, ann)
    headers = {} if content_type is None else {"Content-Type": content_type}
    for content in (urlencode(asked), json.dumps(asked)):
        assert_error(http.post(TOKEN, content=content, headers=headers), 415)
    # The wrong one of the two.
    assert_error(http.post(TOKEN, content=urlencode(asked), headers=JSON), 400)
    assert_error(http.post(TOKEN, content=json.dumps(asked), headers=FORM), 400, 401)
    assert http.post(TOKEN, data=asked).status_code == 200


@pytest.mark.spec("OWASP ASVS", "V4.3", "the size of a body is limited")
def test_body_limit(shared: World, ann: Browser) -> None:
    http, asked = shared.http(), good(shared, ann)
    text = urlencode(asked)
    padded = (text + "&pad=").ljust(LARGEST, "x")
    assert_error(http.post(TOKEN, content=padded + "x", headers=FORM), 413)
    pieces = (padded[start : start + 5000].encode() for start in range(0, LARGEST, 5000))
    assert_error(http.post(TOKEN, content=(piece + b"&x=1" for piece in pieces), headers=FORM), 413)
    assert http.post(TOKEN, content=padded, headers=FORM).status_code == 200


@pytest.mark.spec("OWASP ASVS", "V4.3", "the size of a body is limited")
def test_declared_size_is_refused_without_waiting_for_it(shared: World) -> None:
    for declared in (10**9, 10**25):
        head = (
            f"POST {TOKEN} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {declared}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", shared.stand_in.port), timeout=10) as wire:
            wire.sendall(head.encode())
            status = wire.recv(4096).split(b" ", 2)[1]
        assert status in {b"413", b"400"}


@pytest.mark.spec("RFC 6749", "5.1", "Cache-Control: no-store on every answer that carries a token")
def test_no_store_on_success(shared: World, ann: Browser) -> None:
    pair = shared.redeem(shared.web, ann.code(shared.web))
    again = shared.refresh(shared.web, pair.json()["refresh_token"])
    repeated = shared.refresh(shared.web, pair.json()["refresh_token"])
    for answer in (pair, again, repeated):
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["pragma"] == "no-cache"
        assert "set-cookie" not in answer.headers


@pytest.mark.spec("RFC 9700", "2.4", "the password grant and all other grants are refused")
@pytest.mark.parametrize(
    "grant_type",
    [
        "password",
        "client_credentials",
        "implicit",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:device_code",
        "Authorization_Code",
        "authorization_code ",
        "refresh_token,authorization_code",
        MARK,
    ],
)
def test_other_grants(shared: World, ann: Browser, grant_type: str) -> None:
    http, asked = shared.http(), good(shared, ann)
    person = {"username": "ann", "password": "correct horse battery"}
    answer = http.post(TOKEN, data={**asked, **person, "grant_type": grant_type})
    assert assert_error(answer, 400)["error"] == "unsupported_grant_type"
    assert http.post(TOKEN, data=asked).status_code == 200


@pytest.mark.spec("RFC 6749", "5.2", "a missing parameter is invalid_request")
def test_missing_parameters(shared: World, ann: Browser) -> None:
    http, asked = shared.http(), good(shared, ann)
    for name in ("grant_type", "code"):
        without = {key: value for key, value in asked.items() if key != name}
        assert assert_error(http.post(TOKEN, data=without), 400)["error"] == "invalid_request"
    refresh = {**asked, "grant_type": "refresh_token"}
    assert assert_error(http.post(TOKEN, data=refresh), 400)["error"] == "invalid_request"
    assert http.post(TOKEN, data=asked).status_code == 200


@pytest.mark.spec("RFC 6749", "5.2", "a host of no environment is a JSON error too")
def test_unknown_host(shared: World, ann: Browser) -> None:
    asked = good(shared, ann)
    for host in ("unknown.my.localhost", "acme.nolane.localhost", "evil example", "a" * 300, "evil.example/", ""):
        answer = shared.http().post(TOKEN, data=asked, headers={"Host": host})
        assert answer.status_code == 404
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["error"] == "invalid_request"
    assert shared.http().post(TOKEN, data=asked).status_code == 200


@pytest.mark.spec("Workfront contract", "2.8", "error_style=workfront writes error as a boolean")
def test_workfront_errors() -> None:
    with a_world(error_style="workfront") as world:
        http = world.http()
        wrong = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "nobody", "client_secret": "x"}
        asked = good(world, world.browser())
        cases = [
            (http.post(TOKEN, json=wrong), 401, "invalid_client"),
            (http.post(TOKEN, json={**asked, "code": "x"}), 400, "invalid_grant"),
            (http.post(TOKEN, json={**asked, "grant_type": "password"}), 400, "unsupported_grant_type"),
            (http.post(TOKEN, content=b"["), 415, "invalid_request"),
            (http.get(TOKEN), 405, "invalid_request"),
        ]
        for answer, status, kind in cases:
            body = answer.json()
            assert answer.status_code == status
            assert set(body) == MEMBERS
            assert body["error"] is True
            assert (body["statusCode"], body["type"]) == (status, kind)
            assert body["message"] == body["error_description"]
        assert http.post(TOKEN, json=asked).status_code == 200
