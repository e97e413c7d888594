"""Sessions in browsers and at the API: no fixation, cookies, proxies, every carrier of a session (SECURITY 23, 27)."""

from collections.abc import Iterator
from http.cookies import Morsel, SimpleCookie
from typing import Any

import httpx
import pytest
from tests.browser import AUTHORIZE, PASSWORD, PROJECTS, World, a_world, form_fields

from workgate.domain.audit import AuditEvent

API = "/attask/api/v14.0"
HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
NOT_SIGNED_IN = {
    "error": {
        "class": "com.attask.common.AuthenticationException",
        "message": "You are not currently logged in.",
    }
}


@pytest.fixture(scope="module")
def behind_proxy() -> Iterator[World]:
    """A world that believes the proxy at 127.0.0.1, which is whoever calls it in a test."""
    with a_world(trusted_proxies=("127.0.0.1",)) as made:
        yield made


def cookies_of(answer: httpx.Response) -> dict[str, Morsel[str]]:
    """The cookies that an answer sets, with their attributes."""
    jar: SimpleCookie = SimpleCookie()
    for line in answer.headers.get_list("set-cookie"):
        jar.load(line)
    return dict(jar)


def post_sign_in(http: httpx.Client, username: str = "ann", password: str = PASSWORD, **more: Any) -> httpx.Response:
    """Sign in with whatever cookies the client has, keeping none that the page's answer did not set."""
    page = http.get("/login", **more)
    fields = form_fields(page.text, "/login")
    return http.post("/login", data={**fields, "username": username, "password": password}, **more)


def log_in(world: World, username: str = "ann") -> str:
    answer = world.http().post(f"{API}/login", data={"username": username, "password": PASSWORD})
    return str(answer.json()["data"]["sessionID"])


def addresses_of_sign_ins(world: World) -> list[str | None]:
    world.stand_in.sweep()  # what was handed over for the audit log is there now
    records = world.stand_in.run(world.stand_in.workgate.database.audit.latest(world.acme.environment_id, 100))
    return [record.address for record in records if record.event is AuditEvent.SIGNED_IN]


@pytest.mark.spec("ASVS 5.0", "7.2.4", "signing in makes a new session and adopts none")
def test_no_fixation(shared: World) -> None:
    attacker, victim = shared.browser(), shared.browser()
    assert attacker.sign_in("bob").status_code == 303
    planted = attacker.http.cookies["workgate_session"]
    victim.http.cookies.set("workgate_session", planted)
    assert victim.http.get("/").status_code == 200
    # The sign-in page leads people on who are signed in already, so the form is the attacker's too.
    victim.http.cookies.delete("workgate_session")
    page = victim.http.get("/login")
    victim.http.cookies.set("workgate_session", planted)
    fields = {**form_fields(page.text, "/login"), "username": "ann", "password": PASSWORD}
    answer = victim.http.post("/login", data=fields)
    fresh = cookies_of(answer)["workgate_session"].value
    assert fresh != planted
    # What was planted opens nothing of the victim's: it has ended.
    assert attacker.http.get("/").status_code == 302
    assert shared.works(fresh)


@pytest.mark.spec("ASVS 5.0", "7.2.4", "a made-up session ID is not adopted")
def test_made_up_session_is_not_adopted(shared: World) -> None:
    browser = shared.browser()
    browser.http.cookies.set("workgate_session", "wgs_" + "A" * 56)
    assert browser.http.get("/").status_code == 302
    assert cookies_of(browser.sign_in())["workgate_session"].value != "wgs_" + "A" * 56


@pytest.mark.spec("ASVS 5.0", "7.2.3", "every sign-in gives another session ID")
def test_every_session_is_another(shared: World) -> None:
    ids = {log_in(shared) for _ in range(3)} | {shared.connect(shared.web)["access_token"] for _ in range(3)}
    assert len(ids) == 6
    assert all(shared.works(session_id) for session_id in ids)


@pytest.mark.spec("ASVS 5.0", "3.3.4", "cookies are HttpOnly, SameSite=Lax and of this host alone")
def test_cookies_over_http(shared: World) -> None:
    browser = shared.browser()
    form = cookies_of(browser.http.get("/login"))
    session = cookies_of(browser.sign_in())
    assert list(form) == ["workgate_form"]
    assert list(session) == ["workgate_session"]
    for cookie in (*form.values(), *session.values()):
        assert cookie["httponly"] is True
        assert cookie["samesite"].lower() == "lax"
        assert cookie["path"] == "/"
        assert cookie["domain"] == ""
        assert cookie["secure"] == ""
        assert cookie["max-age"] == ""


@pytest.mark.spec("ASVS 5.0", "3.3.1", "under https cookies are Secure and have the __Host- prefix")
def test_cookies_over_https(behind_proxy: World) -> None:
    http = behind_proxy.stand_in.client(headers=HTTPS)
    form = cookies_of(http.get("/login"))
    assert list(form) == ["__Host-workgate_form"]
    # httpx rightly sends no Secure cookie over http, so the test carries it to the proxy's other side.
    page = http.get("/login", headers={"Cookie": f"__Host-workgate_form={form['__Host-workgate_form'].value}"})
    fields = {**form_fields(page.text, "/login"), "username": "ann", "password": PASSWORD}
    kept = {"Cookie": f"__Host-workgate_form={form['__Host-workgate_form'].value}"}
    session = cookies_of(http.post("/login", data=fields, headers=kept))
    assert list(session) == ["__Host-workgate_session"]
    for cookie in (*form.values(), *session.values()):
        assert cookie["httponly"] is True
        assert cookie["secure"] is True
        assert cookie["samesite"].lower() == "lax"
        assert cookie["path"] == "/"
        assert cookie["domain"] == ""
    value = session["__Host-workgate_session"].value
    assert http.get("/", headers={"Cookie": f"__Host-workgate_session={value}"}).status_code == 200
    # A cookie that was set over http, where anybody on the way may set one, does not count.
    assert http.get("/", headers={"Cookie": f"workgate_session={value}"}).status_code == 302
    api = cookies_of(http.post(f"{API}/login", data={"username": "ann", "password": PASSWORD}))["attask"]
    assert api["secure"] is True
    assert api["httponly"] is True
    http.close()


@pytest.mark.spec("ASVS 5.0", "3.3.1", "signing out takes the cookie back")
def test_sign_out_takes_the_cookie_back(shared: World) -> None:
    browser = shared.browser()
    browser.sign_in()
    answer = browser.http.post("/logout", data=form_fields(browser.http.get("/").text, "/logout"))
    gone = cookies_of(answer)["workgate_session"]
    assert gone.value == ""
    assert gone["max-age"] == "0"
    assert "workgate_session" not in browser.http.cookies


@pytest.mark.spec("Workgate", "forwarded headers", "a configured proxy's headers are believed")
def test_forwarded_headers_of_a_proxy(behind_proxy: World) -> None:
    http = behind_proxy.stand_in.client(headers=HTTPS)
    issuer = http.get("/.well-known/oauth-authorization-server").json()["issuer"]
    assert issuer == f"https://localhost:{behind_proxy.stand_in.port}"
    answer = http.post(f"{API}/login", data={"username": "bob", "password": PASSWORD})
    assert answer.status_code == 200
    assert addresses_of_sign_ins(behind_proxy)[0] == "203.0.113.9"
    http.close()


@pytest.mark.spec("Workgate", "forwarded headers", "without a configured proxy they are ignored")
@pytest.mark.parametrize("proxies", [(), ("192.0.2.1",)])
def test_forwarded_headers_of_anybody(proxies: tuple[str, ...]) -> None:
    with a_world(trusted_proxies=proxies) as world:
        headers = {**HTTPS, "Forwarded": "for=203.0.113.9;proto=https;host=evil.example", "X-Real-IP": "203.0.113.9"}
        http = world.stand_in.client(headers={**headers, "X-Forwarded-Host": "globex.my.localhost"})
        assert list(cookies_of(http.get("/login"))) == ["workgate_form"]
        issuer = http.get("/.well-known/oauth-authorization-server").json()["issuer"]
        assert issuer == f"http://localhost:{world.stand_in.port}"
        answer = http.post(f"{API}/login", data={"username": "ann", "password": PASSWORD})
        assert answer.json()["data"]["customerID"] == world.acme.customer_id
        assert cookies_of(answer)["attask"]["secure"] == ""
        assert addresses_of_sign_ins(world) == ["127.0.0.1"]
        http.close()


@pytest.mark.spec("Workfront", "3.3", "a cookie alone only reads")
def test_cookie_alone_only_reads(shared: World) -> None:
    cookie = {"Cookie": f"attask={log_in(shared)}"}
    http = shared.http()
    assert http.get(PROJECTS, headers=cookie).status_code == 200
    for method in ("POST", "PUT", "DELETE"):
        for answer in (
            http.request(method, f"{API}/proj", headers=cookie),
            http.get(f"{API}/proj/search", params={"method": method}, headers=cookie),
            http.post(f"{API}/proj/search", data={"method": method}, headers=cookie),
        ):
            assert answer.status_code == 403, method
            assert answer.json()["error"]["class"] == "com.attask.common.SecurityViolationException"


@pytest.mark.spec("Workfront", "3.3", "another site cannot sign a browser out by its cookie")
def test_cross_site_logout(shared: World) -> None:
    session_id = log_in(shared)
    for site in ("cross-site", "same-site"):
        headers = {"Cookie": f"attask={session_id}", "Sec-Fetch-Site": site}
        assert shared.http().get(f"{API}/logout", headers=headers).status_code == 403
    assert shared.works(session_id)


@pytest.mark.spec("RFC 6819", "5.2.2.2", "an access token in the browser's cookie is not a sign-in")
def test_access_token_is_no_browser_session(shared: World) -> None:
    access_token = shared.connect(shared.web)["access_token"]
    browser = shared.browser()
    browser.http.cookies.set("workgate_session", access_token)
    assert browser.http.get("/").status_code == 302
    application = shared.web.application
    asked = {
        "client_id": application.client_id,
        "redirect_uri": application.redirect_uris[0],
        "response_type": "code",
    }
    answer = browser.http.get(AUTHORIZE, params=asked)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/login?")


CARRIERS = {
    "header": lambda http, sid: http.get(PROJECTS, headers={"sessionID": sid}),
    "header in lower case": lambda http, sid: http.get(PROJECTS, headers={"sessionid": sid}),
    "header in upper case": lambda http, sid: http.get(PROJECTS, headers={"SESSIONID": sid}),
    "query": lambda http, sid: http.get(PROJECTS, params={"sessionID": sid}),
    "form": lambda http, sid: http.post(PROJECTS, data={"sessionID": sid, "method": "GET"}),
    "form, method in lower case": lambda http, sid: http.post(PROJECTS, data={"sessionID": sid, "method": "get"}),
    "cookie attask": lambda http, sid: http.get(PROJECTS, headers={"Cookie": f"attask={sid}"}),
    "cookie attask, signed": lambda http, sid: http.get(PROJECTS, headers={"Cookie": f"attask={sid}%23sig"}),
    "cookie attask, signed raw": lambda http, sid: http.get(PROJECTS, headers={"Cookie": f"attask={sid}#sig"}),
    "cookie wf-auth": lambda http, sid: http.get(PROJECTS, headers={"Cookie": f"a=b; wf-auth={sid}"}),
    "Bearer": lambda http, sid: http.get(PROJECTS, headers={"Authorization": f"Bearer {sid}"}),
    "bearer": lambda http, sid: http.get(PROJECTS, headers={"Authorization": f"bearer {sid}"}),
}


@pytest.mark.spec("Workfront", "3.3", "every carrier of a session is accepted (WF-37)")
@pytest.mark.parametrize("carrier", CARRIERS)
def test_carrier(shared: World, carrier: str) -> None:
    with shared.stand_in.client() as http:
        answer = CARRIERS[carrier](http, log_in(shared))
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"data": []}
        for nobody in ("wgs_" + "A" * 56, "0123456789abcdef0123456789abcdef"):
            refused = CARRIERS[carrier](http, nobody)
            assert refused.status_code == 401
            assert refused.json() == NOT_SIGNED_IN


@pytest.mark.spec(
    "Workfront", "3.3", "without a session, with another scheme or name of parameter: not signed in (WF-37)"
)
def test_no_carrier(shared: World) -> None:
    session_id, http = log_in(shared), shared.http()
    for more in (
        {},
        {"params": {"sessionid": session_id}},
        {"headers": {"Authorization": f"Basic {session_id}"}},
        {"headers": {"apiKey": session_id}},
        {"headers": {"Cookie": f"other={session_id}"}},
        {"headers": {"sessionID": session_id + "x"}},
        {"headers": [("sessionID", session_id), ("sessionID", session_id)]},
    ):
        answer = http.get(PROJECTS, **more)
        assert answer.status_code == 401
        assert answer.json() == NOT_SIGNED_IN


@pytest.mark.spec("Workfront", "3.3", "an explicit session wins over a cookie")
def test_explicit_session_wins(shared: World) -> None:
    headers = {"sessionID": log_in(shared), "Cookie": f"attask={log_in(shared, 'bob')}"}
    answer = shared.http().get(f"{API}/user", params={"id": "$$USER", "fields": "username"}, headers=headers)
    assert answer.json()["data"]["username"] == "ann"


@pytest.mark.spec("Workfront", "3.3", "login answers with the session, the user and the versions (WF-46)")
@pytest.mark.parametrize("way", ["form", "query of a POST", "GET", "method=GET", "newest", "internal"])
def test_login(shared: World, way: str) -> None:
    fields = {"username": "ann", "password": PASSWORD}
    http = shared.http()
    answer = {
        "form": lambda: http.post(f"{API}/login", data=fields),
        "query of a POST": lambda: http.post(f"{API}/login", params=fields),
        "GET": lambda: http.get(f"{API}/login", params=fields),
        "method=GET": lambda: http.post(f"{API}/login", data={**fields, "method": "GET"}),
        "newest": lambda: http.post("/attask/api/login", data=fields),
        "internal": lambda: http.post("/attask/api-internal/login", data=fields),
    }[way]()
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert data["userID"] == shared.ann.user_id
    assert data["customerID"] == data["tenantID"] == shared.acme.customer_id
    assert data["isAdmin"] is True
    assert (data["locale"], data["timeZone"], data["hasInsightsAccess"]) == ("en_US", "UTC", False)
    assert {"userCompanyID", "timeZoneName", "iso3Country", "iso3Language", "currency"} <= data.keys()
    versions = data["versionInformation"]
    assert versions["apiVersions"]["v14.0"] == "/attask/api/v14.0/"
    assert {"version", "release", "buildNumber", "lastUpdated", "currentAPI"} <= versions.keys()
    cookie = cookies_of(answer)["attask"]
    assert cookie.value == data["sessionID"]
    assert cookie["httponly"] is True
    assert (cookie["path"], cookie["max-age"]) == ("/", "28800")
    assert shared.works(data["sessionID"])


@pytest.mark.spec("Workfront", "3.3", "a wrong password is an authentication error (WF-46)")
def test_failed_login(shared: World) -> None:
    answer = shared.http().post(f"{API}/login", data={"username": "bob", "password": "not his password"})
    assert answer.status_code == 401
    error = answer.json()["error"]
    assert error["class"] == "com.attask.common.AuthenticationException"
    assert isinstance(error["message"], str)
    assert "set-cookie" not in answer.headers
    assert "data" not in answer.json()


@pytest.mark.spec("Workfront", "2.4", "an access token is a session of the consenting user (WF-39)")
def test_access_token_is_a_session(shared: World) -> None:
    pair, http = shared.connect(shared.web), shared.http()
    token = pair["access_token"]
    for answer in (
        http.get(f"{API}/user", params={"id": "$$USER"}, headers={"sessionID": token}),
        http.get(f"{API}/user", params={"id": "$$USER"}, headers={"SESSIONID": token}),
        http.get(f"{API}/user", params={"id": "$$USER", "sessionID": token}),
    ):
        assert answer.json()["data"]["ID"] == shared.ann.user_id == pair["wid"]
    session = http.get(f"{API}/session", headers={"sessionID": token}).json()["data"]
    assert session["sessionID"] == token
    assert session["userID"] == shared.ann.user_id
    assert http.get(f"{API}/logout", headers={"sessionID": token}).status_code == 200
    ended = http.get(f"{API}/user", params={"id": "$$USER"}, headers={"sessionID": token})
    assert ended.status_code == 401
    assert ended.json() == NOT_SIGNED_IN


@pytest.mark.spec("Workfront", "3.3", "logout ends the session and is idempotent (WF-55)")
def test_logout(shared: World) -> None:
    done = {"data": {"success": True}}
    first, second, http = log_in(shared), log_in(shared), shared.http()
    for _ in range(2):
        assert http.get(f"{API}/logout", headers={"sessionID": first}).json() == done
        assert not shared.works(first)
    assert http.get(f"{API}/logout").json() == done
    answer = http.post(f"{API}/logout", data={"method": "GET", "sessionID": second})
    assert (answer.status_code, answer.json()) == (200, done)
    assert cookies_of(answer)["attask"]["max-age"] == "0"
    assert not shared.works(second)
