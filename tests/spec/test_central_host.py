"""The central host: the user names the organisation, the flow goes on there, and nothing leads anywhere else."""

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from tests.admin_calls import APPLICATIONS
from tests.browser import (
    AUTHORIZE,
    CONSENT,
    INTROSPECT,
    PROJECTS,
    REDIRECT_URI,
    REVOKE,
    TOKEN,
    World,
    a_world,
    authorize_params,
    query_of,
)
from tests.central import ORGANISATION, Central, a_crowded_world, central, install, share

from workgate.domain.audit import AuditEvent
from workgate.service.applications import Registered

COOKIE = "workgate_organisation"


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    """A world in which so many wrong names may come from one address."""
    with a_crowded_world() as made:
        yield made


@pytest.fixture(scope="module")
def app(shared: World) -> Registered:
    """An application of acme that globex installed."""
    return install(shared, share(shared, shared.stand_in.create_app(shared.acme, "Sync", developer_name="Sync Ltd")))


@pytest.fixture
def browser(shared: World) -> Central:
    return central(shared)


def flow(world: World, app: Registered, typed: str, **more: str) -> dict[str, str]:
    """From the central host to the answer at the application, as Ann of globex."""
    at_centre = central(world)
    answer = at_centre.choose(at_centre.ask(app, **more), typed)
    there, target = at_centre.follow(answer, world.globex)
    page = there.http.get(target)
    assert page.status_code == 302
    assert page.headers["location"] == f"/login?next={quote(target, safe='')}"
    assert "Sign in to continue to <bdi>Sync</bdi>" in there.http.get(page.headers["location"]).text
    assert there.sign_in(target=target).headers["location"] == target
    allowed = there.decide(there.http.get(target))
    assert allowed.status_code == 303
    assert allowed.headers["location"].startswith(f"{REDIRECT_URI}?code=")
    return query_of(allowed.headers["location"])


@pytest.mark.spec(
    "Workgate", "central host", "the answer names domain and lane of the organisation that the user named"
)
def test_the_whole_flow(shared: World, app: Registered) -> None:
    answer = flow(shared, app, "globex", state="xyz &")
    assert (answer["domain"], answer["lane"], answer["state"]) == ("globex", "my", "xyz &")
    assert answer["iss"] == f"http://globex.my.localhost:{shared.stand_in.port}"
    grant = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": REDIRECT_URI}
    # At the owner's host the code is nobody's, and is not used up by that.
    refused = shared.token(app, grant, shared.acme)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    redeemed = shared.token(app, grant, shared.globex)
    assert redeemed.status_code == 200, redeemed.text
    assert shared.works(redeemed.json()["access_token"], shared.globex)
    assert not shared.works(redeemed.json()["access_token"], shared.acme)
    refresh = {"grant_type": "refresh_token", "refresh_token": redeemed.json()["refresh_token"]}
    assert shared.token(app, refresh, shared.acme).json()["error"] == "invalid_grant"
    assert shared.token(app, refresh, shared.globex).status_code == 200


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"client_id": ""}, 400, "The parameter client_id is missing."),
        ({"client_id": "0" * 32}, 400, "is available to every organisation of this lane"),
        ({"client_id": "a\0b"}, 400, "A parameter is too long, is not a text"),
        ({"client_id": "x' OR 1=1"}, 400, "is available to every organisation of this lane"),
        ({"redirect_uri": ""}, 400, "The parameter redirect_uri is missing."),
        ({"redirect_uri": "https://evil.example/"}, 400, "is not one of the application"),
        ({"redirect_uri": REDIRECT_URI + "/"}, 400, "is not one of the application"),
        ({"state": "x" * 9000}, 400, "A parameter is too long"),
    ],
)
@pytest.mark.spec("Workgate", "central host", "a request that is not sound is refused before anybody names anything")
def test_unsound_requests(app: Registered, browser: Central, change: dict[str, str], status: int, text: str) -> None:
    answer = browser.ask(app, **change)
    assert answer.status_code == status
    assert text in answer.text
    assert "location" not in answer.headers
    assert ORGANISATION not in answer.text.partition("<main>")[2].partition("</main>")[0]


def test_repeated_parameters(app: Registered, browser: Central) -> None:
    asked = authorize_params(app)
    answer = browser.http.get(AUTHORIZE, params=[*asked.items(), ("redirect_uri", "https://evil.example/")])
    assert answer.status_code == 400
    assert "A parameter was sent more than once." in answer.text


@pytest.mark.spec("RFC 9207", "2", "an error of the central host carries its own issuer")
def test_other_faults_go_back_to_the_application(shared: World, app: Registered, browser: Central) -> None:
    answer = browser.ask(app, response_type="token", state="s")
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{REDIRECT_URI}?error=")
    sent = query_of(answer.headers["location"])
    assert (sent["error"], sent["state"]) == ("unsupported_response_type", "s")
    assert sent["iss"] == f"http://oauth.my.localhost:{shared.stand_in.port}"
    assert not {"domain", "lane", "code"} & sent.keys()


def test_the_owner_can_look_up_why(shared: World, app: Registered, browser: Central) -> None:
    answer = browser.ask(app, redirect_uri="https://client.example/Callback")
    reference = answer.text.partition('<code class="reference">')[2].partition("<")[0]
    shared.stand_in.run(shared.stand_in.workgate.database.engine.flush())
    (record,) = shared.stand_in.run(shared.stand_in.workgate.database.audit.by_reference(reference))
    assert record.environment_id == shared.acme.environment_id
    assert record.event is AuditEvent.AUTHORIZE_REFUSED
    assert record.reason is not None
    assert record.reason.startswith("at the central host: came 'https://client.example/>>>Callback'")


@pytest.mark.spec("Workgate", "central host", "only applications that the operator made available, of this lane")
def test_applications_that_are_not_central(shared: World, app: Registered) -> None:
    own = shared.stand_in.create_app(shared.acme, "Own")
    of_preview = share(shared, shared.stand_in.create_app(shared.preview, "Preview"), shared.preview)
    for other in (own, of_preview):
        answer = central(shared).ask(other)
        assert answer.status_code == 400
        assert "No application with this client_id is available to every organisation" in answer.text
    assert central(shared, "preview").ask(app).status_code == 400
    browser = central(shared, "preview")
    page = browser.ask(of_preview)
    # globex has no lane of this name; its other one does not count.
    assert browser.choose(page, "globex").status_code == 422
    answer = browser.choose(page, "acme")
    browser.follow(answer, shared.preview)
    taken = share(shared, of_preview, shared.preview, shared=False)
    assert browser.ask(taken).status_code == 400
    assert browser.choose(page, "acme").status_code == 400


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/integrations/oauth2/authorize?client_id=1",
        "/integrations/oauth2/authorize",
        "/login?next=x",
        "/integrations/oauth2/authorize\\@evil.example?a=b",
        "",
    ],
)
def test_a_form_that_leads_elsewhere(app: Registered, browser: Central, target: str) -> None:
    page = browser.ask(app)
    answer = browser.choose(page, "globex", next=target)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert browser.http.get(ORGANISATION, params={"next": target}).status_code == 400


def test_a_changed_request_is_checked_anew(app: Registered, browser: Central) -> None:
    page = browser.ask(app)
    changed = f"{AUTHORIZE}?client_id={app.application.client_id}&redirect_uri=https://evil.example/&response_type=code"
    answer = browser.choose(page, "globex", next=changed)
    assert (answer.status_code, "location" in answer.headers) == (400, False)


@pytest.mark.spec("Workgate", "central host", "a form of another browser, or a stale one, leads nowhere")
def test_forged_and_stale_forms(shared: World, app: Registered, browser: Central) -> None:
    page = browser.ask(app)
    stranger = central(shared)
    forged = stranger.choose(page, "globex")
    assert forged.status_code == 403
    assert 'value="globex"' in forged.text
    assert COOKIE not in forged.cookies
    assert stranger.choose(forged).status_code == 422  # the field's value is typed, not hidden
    assert stranger.choose(forged, "globex").status_code == 303
    shared.clock.advance(13 * 3600)
    assert browser.choose(page, "globex").status_code == 403
    assert browser.http.post(ORGANISATION, content=b"x" * 100_000).status_code == 400
    assert browser.http.post(ORGANISATION, json={"organisation": "globex"}).status_code == 400


def test_the_request_goes_on_as_it_was_sent(shared: World, app: Registered, browser: Central) -> None:
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in authorize_params(app).items())
    query += "&state=%F0%9F%A6%89+%2B&scope=a%20b&x=1;2&y=(!)*'&approval_prompt="
    page = browser.http.get(f"{AUTHORIZE}?{query}")
    _, target = browser.follow(browser.choose(page, "globex"), shared.globex)
    assert target == f"{AUTHORIZE}?{query}"


@pytest.mark.spec(
    "Workgate", "central host", "everything else there says that the organisation's host is the one to use"
)
def test_the_rest_of_the_central_host(shared: World, app: Registered, browser: Central) -> None:
    grant = {"grant_type": "refresh_token", "refresh_token": "wgr_x"}
    auth = (app.application.client_id, str(app.client_secret))
    for path in (TOKEN, REVOKE, INTROSPECT, "/integrations/oauth2/api/v1/jwt/exchange"):
        answer = browser.http.post(path, data=grant, auth=auth)
        assert (answer.status_code, answer.json()["error"]) == (404, "invalid_request")
        assert "Use the host of the organisation: https://domain.lane.example.com" in answer.json()["error_description"]
    metadata = browser.http.get("/.well-known/oauth-authorization-server")
    assert metadata.status_code == 404
    assert "Use the host of the organisation" in metadata.json()["error_description"]
    assert "Use the host of the organisation" in browser.http.get(PROJECTS).json()["error"]["message"]
    assert "Use the host of the organisation" in browser.http.get(APPLICATIONS).json()["message"]
    for path, status in (("/", 200), ("/login", 404), ("/setup/oauth2", 404), ("/account/connected-apps", 404)):
        page = browser.http.get(path)
        assert page.status_code == status
        assert "This address belongs to no organisation" in page.text
        assert f"It ends in .my.localhost:{shared.stand_in.port}" in page.text
    for path in ("/login", CONSENT, AUTHORIZE, "/", "/nothing"):
        assert browser.http.post(path).status_code == 405
    assert [browser.http.get(path).status_code for path in ("/livez", "/readyz")] == [200, 200]
    switched = browser.http.get("/language?to=it&next=/")
    assert (switched.status_code, switched.headers["location"]) == (302, "/")
    assert "Questo indirizzo" in browser.http.get("/").text
    assert browser.http.head(AUTHORIZE, params=authorize_params(app)).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "OAUTH.my.localhost:{port}",
        "oauth.my.localhost",
        "origin-oauth.my.localhost:{port}",
        "oauth.my.localhost.:{port}",
    ],
)
def test_spellings_of_the_central_host(shared: World, app: Registered, host: str) -> None:
    browser = central(shared, host=host)
    answer = browser.choose(browser.ask(app), "globex")
    assert answer.status_code == 303
    assert httpx.URL(answer.headers["location"]).host == "globex.my.localhost"


@pytest.mark.parametrize(
    "host", ["oauth.localhost", "x.oauth.my.localhost", "oauth.my.evil.example", "oauthx.my.localhost"]
)
def test_hosts_that_are_no_central_host(shared: World, app: Registered, host: str) -> None:
    answer = central(shared, host=host).http.get(ORGANISATION)
    assert answer.status_code == 404
    assert "no organisation" not in answer.text.partition("<main>")[2].partition("</h1>")[0]


@pytest.fixture(scope="module")
def two_bases() -> Iterator[World]:
    with a_world(base_domains=("localhost", "workgate.example")) as made:
        yield made


def test_the_organisation_is_looked_for_under_the_same_base_domain(two_bases: World) -> None:
    app = install(two_bases, share(two_bases, two_bases.web))
    browser = central(two_bases, host="oauth.my.workgate.example")
    answer = browser.choose(browser.ask(app), "globex.my.localhost")
    assert answer.headers["location"].startswith("http://globex.my.workgate.example/integrations/oauth2/authorize?")


@pytest.mark.spec(
    "Workgate", "pages", "the central host's page has every header that the others have, and lets its form go on"
)
def test_headers(app: Registered, browser: Central) -> None:
    page = browser.ask(app)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https: http: https://client.example;" in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    cookie = browser.choose(page, "globex").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Domain" not in cookie


def test_under_https_the_cookie_is_bound_to_the_host() -> None:
    with a_world(trusted_proxies=("127.0.0.1",)) as world:
        app = install(world, share(world, world.web))
        browser = central(world)
        browser.http.headers["X-Forwarded-Proto"] = "https"
        page = browser.ask(app)
        browser.http.headers["Cookie"] = page.headers["set-cookie"].partition(";")[0]
        answer = browser.choose(page, "globex")
        assert answer.headers["location"].startswith("https://globex.my.localhost")
        assert answer.headers["set-cookie"].startswith("__Host-workgate_organisation=globex;")
        assert "Secure" in answer.headers["set-cookie"]
