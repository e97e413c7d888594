"""Which redirect_uri is good, and that nothing is sent anywhere before it was found good (SECURITY 1, 2)."""

import html

import httpx
import pytest
from tests.browser import REDIRECT_URI, Browser, World, authorize_params, query_of

from workgate.domain.problems import Problem

NEARLY = {
    "host case": "https://CLIENT.example/callback",
    "scheme case": "HTTPS://client.example/callback",
    "path case": "https://client.example/Callback",
    "slash at the end": "https://client.example/callback/",
    "slash doubled": "https://client.example//callback",
    "empty query": "https://client.example/callback?",
    "query": "https://client.example/callback?a=1",
    "encoded letter": "https://client.example/c%61llback",
    "encoded slash": "https://client.example%2Fcallback",
    "dot segment": "https://client.example/./callback",
    "dot dot segment": "https://client.example/x/../callback",
    "encoded dot segment": "https://client.example/x/%2e%2e/callback",
    "path goes on": "https://client.example/callback/../../evil",
    "path parameter": "https://client.example/callback;evil",
    "user name": "https://ann@client.example/callback",
    "empty user name": "https://@client.example/callback",
    "host as user name": "https://client.example@evil.example/callback",
    "backslash": "https://client.example\\@evil.example/callback",
    "default port": "https://client.example:443/callback",
    "other port": "https://client.example:8443/callback",
    "empty port": "https://client.example:/callback",
    "scheme": "http://client.example/callback",
    "no scheme": "//client.example/callback",
    "path only": "/callback",
    "script": "javascript:alert(1)//https://client.example/callback",
    "host goes on": "https://client.example.evil.example/callback",
    "host before": "https://evil.client.example/callback",
    "host with a dot": "https://client.example./callback",
    "inside the path": "https://evil.example/https://client.example/callback",
    "fragment": "https://client.example/callback#x",
    "empty fragment": "https://client.example/callback#",
    "space before": " https://client.example/callback",
    "space after": "https://client.example/callback ",
    "tab": "https://client.example/callback\t",
    "line end": "https://client.example/callback\r\nSet-Cookie: a=b",
    "NUL": "https://client.example/callback\x00",
    "look-alike letter": "https://cl\u0456ent.example/callback",
    "unseen letter": "https://client.example/callback\u200b",
    "full-width slash": "https://client.example\uff0fcallback",
    "two of them": "https://client.example/callback,https://client.example/callback",
    "wildcard": "https://client.example/*",
    "prefix": "https://client.example/callbac",
    "nothing": "",
}


def assert_error_page(answer: httpx.Response, *words: str) -> None:
    assert 400 <= answer.status_code < 500, answer.status_code
    assert "location" not in answer.headers
    assert "refresh" not in answer.headers
    assert answer.headers["content-type"].startswith("text/html")
    text = html.unescape(answer.text)
    assert "http-equiv" not in text.lower()
    for word in words:
        assert word in text


@pytest.mark.spec("RFC 9700", "2.1", "redirect_uri is compared byte for byte")
@pytest.mark.parametrize("redirect_uri", NEARLY.values(), ids=NEARLY)
def test_nearly_the_registered_one_is_an_error_page(shared: World, ann: Browser, redirect_uri: str) -> None:
    for browser in (ann, shared.browser()):
        answer = browser.authorize(**authorize_params(shared.web, redirect_uri=redirect_uri, state="s"))
        assert_error_page(answer)
        # It helps, but tells nobody what is registered, and repeats nothing that was sent.
        assert REDIRECT_URI not in html.unescape(answer.text)
        assert "evil" not in answer.text


@pytest.mark.spec("RFC 9700", "2.1", "redirect_uri is compared byte for byte")
def test_the_registered_one_itself_is_good(shared: World, ann: Browser) -> None:
    assert ann.authorize(**authorize_params(shared.web)).status_code == 200


@pytest.mark.spec("RFC 9700", "2.1", "redirect_uri is compared byte for byte")
def test_a_registered_query_belongs_to_it(shared: World, ann: Browser) -> None:
    registered = "https://client.example/cb?a=1&b=%20x"
    app = shared.stand_in.create_app(shared.acme, "Query", redirect_uris=[registered, "https://second.example/"])
    for other in ("?a=1", "", "?b=%20x&a=1", "?a=1&b=+x", "?a=1&b=%20x&c=2", "?a=1&b=%20x&"):
        asked = authorize_params(app, redirect_uri=f"https://client.example/cb{other}")
        assert_error_page(ann.authorize(**asked))
    location = ann.decide(ann.authorize(**authorize_params(app))).headers["location"]
    assert location.startswith(f"{registered}&")
    assert query_of(location)["a"] == "1"
    assert query_of(location)["b"] == " x"
    second = ann.authorize(**authorize_params(app, redirect_uri="https://second.example/"))
    assert ann.decide(second).headers["location"].startswith("https://second.example/?")


@pytest.mark.spec("RFC 8252", "7.3", "only a native loopback redirect may vary in its port")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_loopback_port_varies_for_native(shared: World, ann: Browser, host: str) -> None:
    app = shared.stand_in.create_app(shared.acme, "Native", kind="spa", redirect_uris=[f"http://{host}/cb"])
    for port in ("", ":1", ":80", ":51004", ":65535"):
        asked = f"http://{host}{port}/cb"
        answer = ann.decide(ann.authorize(**authorize_params(app, redirect_uri=asked)))
        assert answer.headers["location"].startswith(f"{asked}?code=")


@pytest.mark.spec("RFC 8252", "7.3", "only a native loopback redirect may vary in its port")
@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://127.0.0.1:8080/CB",
        "http://127.0.0.1:8080/cb/",
        "http://127.0.0.1:8080/cb?x",
        "http://127.0.0.1:8080/cb#x",
        "http://127.0.0.1:8080",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:123456/cb",
        "http://127.0.0.1:-1/cb",
        "http://127.0.0.1:+80/cb",
        "http://127.0.0.1:8_0/cb",
        "http://127.0.0.1:80 /cb",
        "http://127.0.0.1:\u0663\u0663/cb",
        "http://127.0.0.1:\uff18\uff10/cb",
        "http://127.0.0.1:80:90/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1:80.evil.example/cb",
        "http://127.0.0.1.evil.example:80/cb",
        "http://ann@127.0.0.1:80/cb",
        "http://127.0.0.2:80/cb",
        "http://127.1:80/cb",
        "http://0x7f000001:80/cb",
        "http://localhost:80/cb",
        "http://[::1]:80/cb",
        "http://[::ffff:127.0.0.1]:80/cb",
        "https://127.0.0.1:80/cb",
        "HTTP://127.0.0.1:80/cb",
    ],
)
def test_loopback_nothing_but_the_port_varies(shared: World, ann: Browser, redirect_uri: str) -> None:
    app = shared.stand_in.create_app(shared.acme, "Native", kind="spa", redirect_uris=["http://127.0.0.1/cb"])
    assert ann.authorize(**authorize_params(app, redirect_uri="http://127.0.0.1:80/cb")).status_code == 200
    assert_error_page(ann.authorize(**authorize_params(app, redirect_uri=redirect_uri)))


@pytest.mark.spec("RFC 8252", "7.3", "only a native loopback redirect may vary in its port")
@pytest.mark.parametrize(
    ("kind", "registered", "requested"),
    [
        ("web", "http://127.0.0.1/cb", "http://127.0.0.1:8080/cb"),
        ("spa", "http://127.0.0.1:9999/cb", "http://127.0.0.1:8080/cb"),
        ("spa", "http://127.0.0.1:9999/cb", "http://127.0.0.1/cb"),
        ("spa", "http://localhost/cb", "http://localhost:8080/cb"),
        ("spa", "https://client.example/cb", "https://client.example:8080/cb"),
        ("spa", "https://127.0.0.1/cb", "https://127.0.0.1:8080/cb"),
    ],
)
def test_no_other_port_varies(shared: World, ann: Browser, kind: str, registered: str, requested: str) -> None:
    app = shared.stand_in.create_app(shared.acme, "Fixed", kind=kind, redirect_uris=[registered])
    assert ann.authorize(**authorize_params(app)).status_code == 200
    assert_error_page(ann.authorize(**authorize_params(app, redirect_uri=requested)))


@pytest.mark.spec("RFC 6749", "4.1.3", "a code is bound to the redirect_uri of its request")
def test_code_is_bound_to_the_port_that_was_asked_for(shared: World, ann: Browser) -> None:
    app = shared.stand_in.create_app(shared.acme, "Native", kind="spa", redirect_uris=["http://127.0.0.1/cb"])
    code = ann.code(app, **authorize_params(app, redirect_uri="http://127.0.0.1:5001/cb"))
    verifier = {"code_verifier": "the-verifier-of-the-tests-is-long-enough-for-rfc-7636"}
    for other in ("http://127.0.0.1:5002/cb", "http://127.0.0.1/cb"):
        refused = shared.redeem(app, code, redirect_uri=other, **verifier)
        assert refused.status_code == 400
        assert refused.json()["error"] == "invalid_grant"
    assert shared.redeem(app, code, redirect_uri="http://127.0.0.1:5001/cb", **verifier).status_code == 200


@pytest.mark.spec("RFC 6749", "4.1.2.1", "unknown client or bad redirect_uri: an error page, never a redirect")
def test_error_page_says_which_of_the_two_is_wrong(shared: World, ann: Browser) -> None:
    good = authorize_params(shared.web)
    globex = shared.stand_in.create_app(shared.globex, "Elsewhere")
    for client_id in ("unknown", "0" * 32, good["client_id"].upper(), globex.application.client_id, "\x00", "' OR 1=1"):
        answer = ann.authorize(**{**good, "client_id": client_id})
        assert_error_page(answer)
        assert "redirect_uri" not in answer.text
        if client_id != "\x00":
            assert_error_page(answer, "No application with this client_id")
            assert client_id not in html.unescape(answer.text)
    assert_error_page(ann.authorize(**{**good, "redirect_uri": "https://x.example"}), "redirect_uri is not one of")
    for missing in ("client_id", "redirect_uri"):
        asked = {name: value for name, value in good.items() if name != missing}
        assert_error_page(ann.authorize(**asked), f"The parameter {missing} is missing")
    assert_error_page(ann.authorize(), "client_id is missing")


@pytest.mark.spec("RFC 6749", "4.1.2.1", "unknown client or bad redirect_uri: an error page, never a redirect")
def test_error_page_where_everything_is_wrong(shared: World, ann: Browser) -> None:
    everything = {"response_type": "token", "code_challenge_method": "plain", "state": "s"}
    asked = authorize_params(shared.web, **everything, redirect_uri="https://evil.example/")
    assert_error_page(ann.authorize(**asked))
    assert_error_page(ann.authorize(**{**asked, "client_id": "unknown"}))


@pytest.mark.spec("RFC 6749", "4.1.2.1", "a machine application cannot send anybody to the authorize page")
def test_machine_application_is_an_error_page(shared: World, ann: Browser) -> None:
    asked = {**authorize_params(shared.web), "client_id": shared.machine.application.client_id}
    assert_error_page(ann.authorize(**asked), "machine-to-machine")


@pytest.mark.spec("RFC 6749", "3.1.2", "what may be registered as a redirect_uri")
@pytest.mark.parametrize(
    "redirect_uri",
    [
        "/callback",
        "client.example/callback",
        "https:///callback",
        "https://client.example/callback#fragment",
        "https://*.client.example/callback",
        "https://client.example/*",
        "https://93.184.216.34/callback",
        "https://[2606:2800:220:1::1]/callback",
        "http://client.example/callback",
        "https://ann:secret@client.example/callback",
        "https://client.example/../callback",
        "https://client.example/%2E%2e/callback",
        "https://client.example:99999/callback",
        "https://client.example/call back",
        "https://client.example/\u00fc",
        "https://client.example;script-src%20x/callback",
        "https://client.example,evil.example/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "myapp:/callback",
        "",
    ],
)
def test_unusable_redirect_uri_is_not_registered(shared: World, redirect_uri: str) -> None:
    with pytest.raises(Problem, match="redirect URL"):
        shared.stand_in.create_app(shared.acme, "Bad", kind="spa", redirect_uris=[redirect_uri])
