"""Attacks: those that succeeded once, and the best of those that never did."""

import contextlib
import re
import socket
import tracemalloc
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

import httpx
import pytest
from tests.browser import (
    AUTHORIZE,
    CHALLENGE,
    CONSENT,
    PASSWORD,
    PROJECTS,
    REVOKE,
    TOKEN,
    Browser,
    World,
    a_world,
    at_once,
    authorize_params,
    form_fields,
    query_of,
)

from workgate.crypto.tokens import TokenKind, read_token
from workgate.domain.ids import Milliseconds
from workgate.domain.limits import FailureLimit
from workgate.service.acting import OPERATOR

API = "/attask/api/v14.0"
COOKIE = "workgate_session"
FORM_COOKIE = "workgate_form"
_HEAD = b"Host: localhost\r\nConnection: close\r\n"


def session_of(browser: Browser) -> str:
    value = browser.http.cookies.get(COOKIE)
    assert value is not None
    return value


def shows(world: World, cookie: bytes) -> str:
    """The start page that a browser sees which sends this Cookie header."""
    return world.http().get("/", headers=[(b"cookie", cookie)]).text


def answer_to(world: World, request: bytes) -> bytes:
    """What comes back for these bytes until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", world.stand_in.port), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(partial(connection.recv, 65536), b""))


# Cheap ways to stop the server


@pytest.mark.spec("attack", "sign-in", "user names longer than any user's are all one: none is normalised or kept")
def test_user_name_that_is_costly_to_normalise() -> None:
    # Measured: a form of 62 KB took 0.21 s instead of 0.03 s, on the event loop and before any limit was asked.
    costly = ["\u0301\u0316" * 5000, "\ufdfa" * 5000, "x" * 255]
    with a_world(sign_in_failures_per_account=len(costly)) as world:
        http = world.http()

        def status(username: str) -> int:
            return http.post(f"{API}/login", data={"username": username, "password": PASSWORD}).status_code

        assert [status(username) for username in costly] == [401] * len(costly)
        assert status("y" * 256) == 429
        assert status("y" * 254) == 401
        assert status("ann") == 200


@pytest.mark.spec("attack", "limits", "a failure costs the same memory whatever the client called itself")
def test_failures_under_long_names() -> None:
    limit, now = FailureLimit(1), Milliseconds(1_800_000_000_000)
    tracemalloc.start()
    try:
        for number in range(200):
            limit.failed(("203.0.113.9", f"{number}" + "x" * 50_000), now)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 200_000
    assert limit.wait(("203.0.113.9", "7" + "x" * 50_000), now) == 60
    assert limit.wait(("203.0.113.9", "7" + "x" * 50_001), now) is None


ENDLESS = {
    "one header": (b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-A: ", b"a" * 65536),
    "headers": (b"GET /login HTTP/1.1\r\nHost: localhost\r\n", b"X-A: " + b"a" * 1000 + b"\r\n"),
    "the address": (b"GET /login?", b"a" * 65536),
    "line ends": (b"", b"\r\n" * 32768),
    "trailers": (
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
        b"X-A: " + b"a" * 1000 + b"\r\n",
    ),
    "a body": (b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n", b"a" * 65536),
}


@pytest.mark.spec("attack", "HTTP", "no part of a request is read without end")
@pytest.mark.parametrize("part", ENDLESS)
def test_endless_request(shared: World, part: str) -> None:
    begin, more = ENDLESS[part]
    more *= -(-65536 // len(more))
    cut = False
    with socket.create_connection(("127.0.0.1", shared.stand_in.port), timeout=10) as connection:
        connection.sendall(begin)
        with contextlib.suppress(ConnectionError):
            for _ in range(512):  # 32 MB: more than all buffers of the loopback
                connection.sendall(more)
            cut = connection.recv(65536) == b""
            assert cut, "the server took 32 MB"
    assert shared.http().get("/login").status_code == 200


@pytest.mark.spec("attack", "HTTP", "a trailer is no header: what a proxy did not see signs nobody in")
def test_session_in_a_trailer(shared: World, ann: Browser) -> None:
    head = f"POST {API}/session?method=GET HTTP/1.1\r\n".encode() + _HEAD
    session = f"sessionID: {session_of(ann)}\r\n".encode()
    assert b" 200 OK" in answer_to(shared, head + session + b"Content-Length: 0\r\n\r\n")
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + session + b"\r\n"
    assert b" 401 Unauthorized" in answer_to(shared, chunked)


@pytest.mark.spec("attack", "API", "a call cannot ask for thousands of fields of every row")
@pytest.mark.parametrize("fields", [",".join(["owner:ID"] * 2000), ",".join(f"owner:x{n}" for n in range(2000))])
def test_thousands_of_fields(shared: World, ann: Browser, fields: str) -> None:
    asked = {"sessionID": session_of(ann), "method": "GET", "fields": fields}
    answer = shared.http().post(PROJECTS, data=asked)
    assert answer.status_code == 422
    assert len(answer.content) < 500


@pytest.mark.spec("attack", "sign-in", "sign-ins under way count against their address, so that a burst cannot queue")
def test_burst_of_sign_ins() -> None:
    with a_world(sign_in_failures_per_address=5) as world:
        http = world.http()
        guess = partial(http.post, f"{API}/login", data={"username": "nobody", "password": "wrong password"})
        statuses = sorted(answer.status_code for answer in at_once([guess] * 20))
    assert set(statuses) == {401, 429}
    assert statuses.count(401) <= 5


# What the answer's time tells


@pytest.mark.spec("attack", "sign-in", "whoever fails waits for one commit, whether or not the user exists")
@pytest.mark.parametrize("username", ["ann", "nobody"])
def test_failure_waits_for_its_record(username: str) -> None:
    with a_world() as world:
        answer = world.http().post(f"{API}/login", data={"username": username, "password": "wrong password"})
        reference = re.findall(r"Reference (\S+)\.", answer.json()["error"]["message"])[0]
        assert len(world.stand_in.run(world.stand_in.workgate.database.audit.by_reference(reference))) == 1


# Cookies of a neighbour, forms of somebody else


TOSSED = [b"\xa0%s=%s", b"\x85%s=%s", b"%s\xa0=%s", b"%s\x85=%s"]


@pytest.mark.spec("attack", "cookies", "a neighbour's cookie under a name that only looks like ours is not ours")
@pytest.mark.parametrize("form", TOSSED)
def test_tossed_session_cookie(shared: World, ann: Browser, form: bytes) -> None:
    bob = shared.browser()
    assert bob.sign_in("bob").status_code == 303
    name = COOKIE.encode()
    tossed = form % (name, session_of(bob).encode())
    assert "Bob Baker" in shows(shared, name + b"=" + session_of(bob).encode())
    assert "Ann Archer" in shows(shared, name + b"=" + session_of(ann).encode() + b"; " + tossed)
    assert "Bob Baker" not in shows(shared, tossed)


@pytest.mark.spec("attack", "cookies", "a neighbour's sign-in cookie cannot keep anybody from signing in")
@pytest.mark.parametrize("value", ['a"b', "a\\", "x" * 2000, "a=b", "\u00e9"])
def test_tossed_form_cookie(shared: World, value: str) -> None:
    http = shared.http()
    cookie = f"{FORM_COOKIE}={value}".encode("latin-1")
    page = http.get("/login", headers=[(b"cookie", cookie)])
    given = page.cookies.get(FORM_COOKIE)
    assert given is not None
    assert re.fullmatch(r"[0-9a-f]{32}", given)
    fields = {**form_fields(page.text, "/login"), "username": "ann", "password": PASSWORD}
    assert http.post("/login", data=fields).status_code == 303


@pytest.mark.spec("attack", "forms", "a sign-in form of one's own cannot be made into a form of another's session")
def test_form_for_a_foreign_session(shared: World) -> None:
    victim = shared.browser()
    assert victim.sign_in().status_code == 303
    token = read_token(TokenKind.SESSION, session_of(victim))
    assert token is not None
    binding = f"{shared.acme.environment_id}.{token.row_id}.{token.generation}"
    page = shared.http().get("/login", headers={"Cookie": f"{FORM_COOKIE}={binding}"})
    forged = form_fields(page.text, "/login")["csrf"]
    assert victim.http.post("/logout", data={"csrf": forged}).status_code == 403
    assert victim.http.get("/").status_code == 200


# Browsers keep Lax cookies back from another site's post, and still obey the cookies in its answer.
CROSS_SITE = [
    ("POST", "/logout", {}),
    ("POST", f"{API}/logout", {}),
    ("POST", f"{API}/logout", {"sessionID": "x"}),
    ("GET", f"{API}/logout", {}),
    ("POST", f"{API}/login", {"username": "bob", "password": PASSWORD}),
    ("GET", f"{API}/login?username=bob&password={quote(PASSWORD)}", {}),
]


@pytest.mark.spec("attack", "CSRF", "another site neither gives nor takes a browser's session")
@pytest.mark.parametrize(("method", "path", "fields"), CROSS_SITE)
def test_cross_site_sign_in_and_out(shared: World, method: str, path: str, fields: dict[str, str]) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Origin": "https://evil.example"}
    answer = shared.http().request(method, path, headers=headers, data=fields or None)
    assert "set-cookie" not in answer.headers


# Attacks that never succeeded


MALFORMED = {
    "NUL in the path": b"GET /%00 HTTP/1.1\r\n" + _HEAD,
    "NUL in a static path": b"GET /static/workgate.css%00.png HTTP/1.1\r\n" + _HEAD,
    "out of the static folder": b"GET /static/..%2f..%2fserver.py HTTP/1.1\r\n" + _HEAD,
    "a very long static path": b"GET /static/" + b"a" * 5000 + b" HTTP/1.1\r\n" + _HEAD,
    "a surrogate in a static path": b"GET /static/%ed%a0%80 HTTP/1.1\r\n" + _HEAD,
    "bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\n" + _HEAD,
    "bytes in the query": b"GET " + AUTHORIZE.encode() + b"?client_id=\xff HTTP/1.1\r\n" + _HEAD,
    "bad percent-encoding": b"GET /%zz%e HTTP/1.1\r\n" + _HEAD,
    "an address of another host": b"GET http://[::1/login HTTP/1.1\r\n" + _HEAD,
    "two slashes": b"GET //evil.example/login HTTP/1.1\r\n" + _HEAD,
    "no host": b"GET / HTTP/1.1\r\nConnection: close\r\n",
    "two hosts": b"GET /login HTTP/1.1\r\nHost: localhost\r\n" + _HEAD,
    "HTTP/1.0": b"GET /login HTTP/1.0\r\n",
    "OPTIONS *": b"OPTIONS * HTTP/1.1\r\n" + _HEAD,
    "CONNECT": b"CONNECT evil.example:1 HTTP/1.1\r\n" + _HEAD,
    "TRACE": b"TRACE / HTTP/1.1\r\nX-Evil: evil.example\r\n" + _HEAD,
    "TRACE of the API": b"TRACE " + API.encode() + b"/session HTTP/1.1\r\n" + _HEAD,
    "two lengths": b"POST /login HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n" + _HEAD,
    "a negative length": b"POST /login HTTP/1.1\r\nContent-Length: -3\r\n" + _HEAD,
    "an immense length": b"POST /login HTTP/1.1\r\nContent-Length: " + b"9" * 60 + b"\r\n" + _HEAD,
    "a lying length": b"POST " + TOKEN.encode() + b" HTTP/1.1\r\nContent-Length: 99999999999\r\n" + _HEAD,
    "a control character in a cookie": b"GET /login HTTP/1.1\r\nCookie: workgate_form=a\x01b\r\n" + _HEAD,
}


@pytest.mark.spec("attack", "HTTP", "malformed requests are refused with a status of the 4xx class and no echo")
@pytest.mark.parametrize("fault", MALFORMED)
def test_malformed_request(shared: World, fault: str) -> None:
    answer = answer_to(shared, MALFORMED[fault] + b"\r\n")
    assert re.match(rb"HTTP/1.1 4\d\d ", answer), answer[:200]
    assert b"evil" not in answer
    assert b"Traceback" not in answer
    assert b"\r\nserver:" not in answer.lower()


@pytest.mark.spec("attack", "hosts", "a flow that changes its host on the way ends: lanes share nothing")
def test_host_switched_during_the_flow(shared: World) -> None:
    browser = shared.browser()
    assert browser.sign_in().status_code == 303
    page = browser.authorize(**authorize_params(shared.web))
    elsewhere = {"Host": f"acme.preview.localhost:{shared.stand_in.port}"}
    fields = {**form_fields(page.text, CONSENT), "decision": "allow"}
    assert browser.http.post(CONSENT, data=fields, headers=elsewhere).status_code == 403
    code = query_of(browser.decide(page).headers["location"])["code"]
    asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": "https://client.example/callback"}
    assert shared.token(shared.web, asked, headers=elsewhere).status_code == 401
    assert shared.redeem(shared.web, code).status_code == 200


@pytest.mark.spec("attack", "consent", "of many posts of one consent at the same moment, one gives a code")
def test_consent_posted_in_parallel(shared: World, ann: Browser) -> None:
    asked = authorize_params(shared.spa, code_challenge=CHALLENGE)
    page = ann.authorize(**asked)
    answers = at_once([partial(ann.decide, page)] * 8)
    assert sorted(answer.status_code for answer in answers) == [303] + [403] * 7


@pytest.mark.spec("attack", "consent", "a consent is not given a second time once the clean-up took the first")
def test_consent_replayed_after_clean_up() -> None:
    with a_world() as world:
        brief = world.stand_in.create_app(world.acme, "Brief", refresh_absolute_seconds=1)
        browser = world.browser()
        assert browser.sign_in().status_code == 303
        page = browser.authorize(**authorize_params(brief))
        pair = world.redeem(brief, query_of(browser.decide(page).headers["location"])["code"]).json()
        credentials = (brief.application.client_id, brief.client_secret or "")
        revoked = world.http().post(REVOKE, data={"token": pair["access_token"]}, auth=credentials)
        assert revoked.status_code == 200
        world.clock.advance(2)
        world.stand_in.sweep()
        world.stand_in.sweep()
        assert browser.decide(page).status_code == 403


@pytest.mark.spec("attack", "races", "what is redeemed while the application or the user goes is worth nothing")
@pytest.mark.parametrize("what", ["application deleted", "user disabled"])
def test_redeemed_while_it_ends(what: str) -> None:
    with a_world() as world:
        code = world.browser().code(world.web)
        workgate = world.stand_in.workgate

        def end() -> httpx.Response | None:
            if what == "user disabled":
                work = workgate.services.administration.set_active(world.acme, "ann", active=False)
            else:
                work = workgate.services.registry.delete(world.acme, world.web.application.client_id, by=OPERATOR)
            world.stand_in.run(work)
            return None

        redeem = partial(world.redeem, world.web, code)
        calls: list[Callable[[], httpx.Response | None]] = [redeem, end, redeem]
        answers = at_once(calls)
        for answer in answers:
            if answer is not None and answer.status_code == 200:
                assert not world.works(answer.json()["access_token"])
                assert world.refresh(world.web, answer.json()["refresh_token"]).status_code in {400, 401}


@pytest.mark.spec("attack", "audit", "refusals from one address cannot fill the disk: after many, none is written down")
def test_refusals_without_end() -> None:
    with a_world(client_failures=10_000) as world:
        http = world.http()
        answers = [http.post(TOKEN, data={"client_id": "nobody"}).json() for _ in range(601)]
        assert all("reference" in answer for answer in answers[:600])
        assert "reference" not in answers[600]
        assert answers[600]["error"] == "invalid_client"
        world.clock.advance(60)
        assert "reference" in http.post(TOKEN, data={"client_id": "nobody"}).json()
