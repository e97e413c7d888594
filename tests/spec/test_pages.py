"""What every page carries, and that no page leads to anybody else (SECURITY 6, 8)."""

import re
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from tests.browser import CONSENT, PASSWORD, Browser, World, authorize_params, form_fields, query_of

EVIL = [
    "//evil.example",
    "///evil.example",
    "////evil.example/%2f..",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "\x00//evil.example",
    "\u2028//evil.example",
    "/\u00a0/evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://evil.example",
    "HTTPS://EVIL.EXAMPLE",
    "http://localhost.evil.example/",
    "https://localhost@evil.example/",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "evil.example",
    "@evil.example",
    ".evil.example",
    ":80@evil.example",
    "?next=//evil.example",
    "%2f%2fevil.example",
    "/\r\nLocation: https://evil.example",
    "/\r\n\r\n<script>alert(1)</script>",
    "/" * 20_000,
]
OWN_BUT_ODD = [
    "/%2f/evil.example",
    "/%09/evil.example",
    "/%5cevil.example",
    "/.//evil.example",
    "/x//evil.example",
    "/;@evil",
]


def lands_on(location: str, page: str) -> str:
    """Where a browser goes from ``page``: the WHATWG address parser drops tabs and turns backslashes round."""
    browsers_reading = re.sub(r"[\t\r\n]", "", location.strip(" \x00\x1f")).replace("\\", "/")
    parts = urlsplit(urljoin(page, re.sub(r"^/{2,}", "//", browsers_reading)))
    return f"{parts.scheme}://{parts.netloc}"


def policy_of(answer: httpx.Response) -> dict[str, list[str]]:
    directives = [part.split() for part in answer.headers["content-security-policy"].split(";")]
    assert len({directive[0] for directive in directives}) == len(directives)
    return {name: sources for name, *sources in directives}


@pytest.mark.spec("RFC 9700", "4.11", "no open redirector: next leads only to this server's own paths")
@pytest.mark.parametrize("target", [*EVIL, *OWN_BUT_ODD])
def test_next_at_sign_in(shared: World, ann: Browser, target: str) -> None:
    here = shared.stand_in.url
    led_on = ann.http.get("/login", params={"next": target})
    assert led_on.status_code == 302
    assert led_on.headers["location"].startswith("/")
    assert lands_on(led_on.headers["location"], here) == here
    # The form keeps the target; whoever changes the form gets no farther.
    page = shared.browser().http.get("/login", params={"next": target})
    assert lands_on(form_fields(page.text, "/login")["next"], here) == here
    if target in EVIL:
        assert led_on.headers["location"] == "/"
        assert form_fields(page.text, "/login")["next"] == "/"


@pytest.mark.spec("RFC 9700", "4.11", "no open redirector: next leads only to this server's own paths")
def test_next_of_a_changed_form(shared: World) -> None:
    here = shared.stand_in.url
    browser = shared.browser()
    fields = form_fields(browser.http.get("/login").text, "/login")
    # A sign-in costs a password hash: the targets that differ in kind suffice here.
    for target in ("//evil.example", "/\\evil.example", "https:evil.example", "/%2f/evil.example"):
        posted = {**fields, "next": target, "username": "ann", "password": PASSWORD}
        answer = browser.http.post("/login", data=posted)
        assert answer.status_code == 303
        assert lands_on(answer.headers["location"], here) == here


@pytest.mark.spec("RFC 9700", "4.11", "no open redirector: next leads only to this server's own paths")
@pytest.mark.parametrize("target", [*EVIL, *OWN_BUT_ODD])
def test_next_at_sign_out(shared: World, target: str) -> None:
    here = shared.stand_in.url
    # Nobody is signed in: the post is answered in the same way.
    answer = shared.browser().http.post("/logout", data={"next": target})
    assert answer.status_code == 303
    location = answer.headers["location"]
    assert location.startswith("/")
    assert lands_on(location, here) == here
    if location != "/signed-out":
        onward = query_of(location)["next"]
        assert lands_on(onward, here) == here


@pytest.mark.spec("RFC 9700", "4.11", "the request that led to the sign-in is kept, byte for byte")
def test_next_keeps_own_paths(shared: World, ann: Browser) -> None:
    for target in ("/", "/x?y=%2F%2Fevil&z=a+b", "/integrations/oauth2/authorize?state=%C3%BC%26", "/a#b"):
        assert ann.http.get("/login", params={"next": target}).headers["location"] == target


@pytest.mark.spec("RFC 9700", "4.11", "no redirect is made of the Host header")
@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "acme.my.localhost", "127.0.0.1"])
def test_redirects_are_relative(shared: World, host: str) -> None:
    http = shared.http()
    for path in ("/", "/login", "/static", "/login/", "//evil.example/", "/logout", "/attask"):
        for method in ("GET", "POST"):
            answer = http.request(method, path, headers={"Host": host})
            if answer.is_redirect:
                assert lands_on(answer.headers["location"], "http://here.example") == "http://here.example"


def pages(world: World, ann: Browser) -> dict[str, httpx.Response]:
    asked = authorize_params(world.web)
    stranger = world.browser()
    nowhere = world.http().get("/", headers={"Host": "unknown.my.localhost"})
    return {
        "sign-in": stranger.http.get("/login"),
        "sign-in for an application": stranger.http.get(stranger.authorize(**asked).headers["location"]),
        "sign-in refused": stranger.sign_in(password="wrong"),
        "sign-in without its cookie": world.http().post("/login", data={"username": "ann", "password": PASSWORD}),
        "start": ann.http.get("/"),
        "signed out": stranger.http.get("/signed-out"),
        "sign-out refused": ann.http.post("/logout"),
        "consent": ann.authorize(**asked),
        "consent refused": ann.http.post(CONSENT),
        "authorize refused": ann.authorize(**{**asked, "client_id": "x"}),
        "not found": ann.http.get("/no/such/page"),
        "wrong method": ann.http.put("/login"),
        "no environment": nowhere,
    }


@pytest.mark.spec("OWASP ASVS", "V3.4", "headers of every page")
def test_headers_of_every_page(shared: World, ann: Browser) -> None:
    statuses = {}
    for name, page in pages(shared, ann).items():
        statuses[name] = page.status_code
        assert page.headers["content-type"].startswith("text/html"), name
        assert page.headers["referrer-policy"] == "no-referrer", name
        assert page.headers["cache-control"] == "no-store", name
        assert page.headers["x-content-type-options"] == "nosniff", name
        assert page.headers["x-frame-options"] == "DENY", name
        policy = policy_of(page)
        assert policy["default-src"] == ["'none'"], name
        assert policy["frame-ancestors"] == ["'none'"], name
        assert policy["base-uri"] == ["'none'"], name
        for directive in ("script-src", "style-src", "img-src"):
            assert policy[directive] == ["'self'"], name
        assert "server" not in page.headers, name
    assert [status for status in statuses.values() if status == 200] == [200] * 5, statuses
    assert all(status in {200, 400, 401, 403, 404, 405} for status in statuses.values()), statuses


@pytest.mark.spec("OWASP ASVS", "V3.4", "no inline script or style and no third-party content")
def test_nothing_inline_and_nothing_of_others(shared: World, ann: Browser) -> None:
    for name, page in pages(shared, ann).items():
        assert re.findall(r"<script[^>]*>", page.text), name
        for tag in re.findall(r"<script[^>]*>", page.text):
            assert re.search(r'src="/static/', tag), name
        assert re.search(r"<script[^>]*>\s*</script>", page.text), name
        assert not re.search(r"<style|\sstyle=|\son\w+\s*=|javascript:", page.text, re.I), name
        for address in re.findall(r'(?:src|href|action)="([^"]*)"', page.text):
            assert address.startswith("/"), (name, address)
            assert not address.startswith("//"), (name, address)


@pytest.mark.spec("OWASP ASVS", "V3.4", "static files are served as what they are, and nothing beside them")
def test_static_files_are_what_they_say(shared: World) -> None:
    http = shared.http()
    style = re.search(r'href="(/static/workgate\.css[^"]*)"', http.get("/login").text)
    assert style is not None
    answer = http.get(style.group(1))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/css")
    assert answer.headers["x-content-type-options"] == "nosniff"
    for path in ("/static/", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/..%5capp.py", "/static/app.py"):
        assert http.get(path).status_code == 404


@pytest.mark.spec("CSP Level 3", "6.4.2", "form-action admits the client's redirect and nobody else's")
@pytest.mark.parametrize(
    ("redirect_uri", "source"),
    [
        ("https://client.example/callback", "https://client.example"),
        ("https://client.example:8443/x?y=1", "https://client.example:8443"),
        ("http://127.0.0.1:9000/cb", "http://127.0.0.1:9000"),
        ("http://[::1]:9000/cb", "http:"),
        ("com.example.app:/callback", "com.example.app:"),
    ],
)
def test_form_action(shared: World, ann: Browser, redirect_uri: str, source: str) -> None:
    app = shared.stand_in.create_app(shared.acme, "Csp", kind="spa", redirect_uris=[redirect_uri])
    consent = ann.authorize(**authorize_params(app))
    assert policy_of(consent)["form-action"] == ["'self'", source]
    # The sign-in may lead on to the client without a question between: browsers hold form-action against every hop.
    stranger = shared.browser()
    login = stranger.http.get(stranger.authorize(**authorize_params(app)).headers["location"])
    assert policy_of(login)["form-action"] == ["'self'", source]
    crafted = "/integrations/oauth2/authorize?client_id={}&redirect_uri=https://evil.example/"
    target = crafted.format(app.application.client_id)
    assert policy_of(stranger.http.get("/login", params={"next": target}))["form-action"] == ["'self'"]
    assert policy_of(ann.http.get("/"))["form-action"] == ["'self'"]


@pytest.mark.spec("RFC 9700", "4.12", "a post is answered with 303, never 307")
def test_posts_are_answered_with_303(shared: World) -> None:
    browser = shared.browser()
    assert browser.sign_in().status_code == 303
    for decision in ("allow", "deny"):
        answer = browser.decide(browser.authorize(**authorize_params(shared.web)), decision)
        assert answer.status_code == 303
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
    home = browser.http.get("/")
    assert browser.http.post("/logout", data=form_fields(home.text, "/logout")).status_code == 303


@pytest.mark.spec("RFC 9700", "4.12", "a post is answered with 303, never 307")
@pytest.mark.parametrize("path", [CONSENT, "/login", "/logout", "/integrations/oauth2/api/v1/token", "/", "/static"])
def test_a_slash_too_many_does_not_post_it_again(shared: World, ann: Browser, path: str) -> None:
    answer = ann.http.post(f"{path}/", data={"password": PASSWORD, "code": "x"})
    assert answer.status_code in {404, 405}
    assert "location" not in answer.headers
