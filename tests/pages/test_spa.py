"""A single page application in a real browser: no server of its own has a part in it, everything goes by fetch."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.responses import FileResponse, JSONResponse
from starlette.routing import Route

from tests.browser import CHALLENGE, PROJECTS, TOKEN, VERIFIER
from tests.browser import Browser as HttpBrowser
from tests.pages.chromium import a_page
from tests.pages.conftest import OpenPage
from tests.pages.site import Site, a_site, served
from tests.pages.steps import allow, sign_in
from workgate.service.applications import Registered

pytestmark = pytest.mark.browser

PAGE = Path(__file__).parent / "spa"
LIBRARY = Path(__file__).parents[1] / "clients" / "node" / "node_modules" / "oauth4webapi" / "build" / "index.js"


@pytest.fixture(scope="module", autouse=True)
def library() -> None:
    if not LIBRARY.exists():
        pytest.skip("the packages of tests/clients/node are not installed: scripts/setup.sh test")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A site of this file's own: an environment has room for ten applications."""
    with a_site() as made:
        yield made


@contextmanager
def a_spa(host: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve the page at an origin of its own; gives that, and the settings that the page will find there."""
    settings: dict[str, str] = {}

    def file(address: str, path: Path) -> Route:
        return Route(address, lambda request: FileResponse(path))

    routes = [
        file("/", PAGE / "index.html"),
        file("/spa.js", PAGE / "spa.js"),
        file("/oauth4webapi.js", LIBRARY),
        Route("/settings.json", lambda request: JSONResponse(settings)),
    ]
    with socket.create_server(("127.0.0.1", 0)) as listener, served(listener, Starlette(routes=routes)):
        yield f"http://{host}:{listener.getsockname()[1]}", settings


def registered_at(site: Site, redirect_uri: str) -> Registered:
    """A single page application of acme."""
    (acme, _) = site.stand_in.run(site.stand_in.workgate.database.environments.environments("acme"))
    return site.stand_in.create_app(acme, "SpaApp", kind="spa", redirect_uris=[redirect_uri])


def expect_status(page: Page, text: str) -> None:
    """What the page says."""
    expect(page.get_by_role("status")).to_contain_text(text)


@pytest.mark.parametrize("with_port", [True, False])
def test_the_whole_flow(open_page: OpenPage, site: Site, with_port: bool) -> None:
    page, watch = open_page()
    with a_spa("127.0.0.1") as (origin, settings):
        registered = registered_at(site, f"{origin}/" if with_port else "http://127.0.0.1/")
        settings |= {
            "url": site.url,
            "client_id": registered.application.client_id,
            "redirect_uri": f"{origin}/",
        }
        page.goto(origin)
        page.get_by_role("button", name="Connect").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to continue to SpaApp")
        sign_in(page)
        expect(page.get_by_role("heading", level=1)).to_have_text("Allow SpaApp to use your account?")
        allow(page)
        expect(page).to_have_url(f"{origin}/")
        expect_status(page, "Connected")
        page.get_by_role("button", name="List projects").click()
        expect(page.get_by_role("listitem").filter(has_text="Website relaunch")).to_be_visible()
        page.get_by_role("button", name="Refresh").click()
        expect_status(page, "Refreshed")
        page.get_by_role("button", name="List projects").click()
        expect_status(page, "projects")
        page.get_by_role("button", name="Revoke").click()
        expect_status(page, "Revoked")
        with watch.expecting(f"{site.url}{PROJECTS}"):
            page.get_by_role("button", name="List projects").click()
            expect_status(page, "401: You are not currently logged in.")
        with watch.expecting(f"{site.url}{TOKEN}"):
            page.get_by_role("button", name="Refresh").click()
            expect_status(page, "ResponseBodyError: invalid_grant")


def test_from_an_origin_that_is_not_registered_the_token_fetch_fails(chromium: Browser, site: Site) -> None:
    with a_spa("127.0.0.1") as (own, _), a_spa("localhost") as (other, settings):
        registered = registered_at(site, f"{own}/")
        settings |= {
            "url": site.url,
            "client_id": registered.application.client_id,
            "redirect_uri": f"{own}/",
        }
        with site.stand_in.client() as http, a_page(chromium) as (page, watch):
            # Everything else is right: a good code, its verifier, and where the endpoints are.
            code = HttpBrowser(http).code(registered, code_challenge=CHALLENGE, code_challenge_method="S256")
            server = {"issuer": site.url, "token_endpoint": f"{site.url}{TOKEN}"}
            flow = {"server": server, "code_verifier": VERIFIER, "state": "a-state"}
            page.goto(other)
            page.evaluate("flow => sessionStorage.setItem('flow', JSON.stringify(flow))", flow)
            page.goto(f"{other}/?code={code}&state=a-state")
            expect_status(page, "TypeError: Failed to fetch")
            assert [post.url for post in watch.posts(TOKEN)] == [f"{site.url}{TOKEN}"]
            assert any(TOKEN in fault and "blocked by CORS policy" in fault for fault in watch.faults)
            page.get_by_role("button", name="Connect").click()
            expect_status(page, "TypeError: Failed to fetch")


class Network:
    """What went over the network, by request: Playwright is silent on answers that Chromium withholds from pages."""

    def __init__(self, page: Page) -> None:
        self._told: dict[str, dict[str, Any]] = {}
        session = page.context.new_cdp_session(page)
        for event in ("requestWillBeSent", "requestWillBeSentExtraInfo", "responseReceivedExtraInfo"):
            session.on(f"Network.{event}", self._add)
        session.send("Network.enable")

    def exchanges(self, url: str) -> list[tuple[list[str], int]]:
        """Of each request to an address the names of the cookies that were sent, and its status."""
        return [
            (
                [each["cookie"]["name"] for each in told["associatedCookies"] if not each["blockedReasons"]],
                told["statusCode"],
            )
            for told in self._told.values()
            if {"request", "associatedCookies", "statusCode"} <= told.keys() and told["request"]["url"] == url
        ]

    def _add(self, event: dict[str, Any]) -> None:
        self._told.setdefault(event["requestId"], {}).update(event)


@pytest.mark.parametrize("is_registered", [True, False])
def test_the_cookies_of_a_signed_in_user_open_nothing(chromium: Browser, site: Site, is_registered: bool) -> None:
    # A page of another port is of the same site, so the browser does send its cookies along.
    with a_spa("localhost") as (origin, settings), a_page(chromium) as (page, watch):
        settings |= {"url": site.url}
        if is_registered:
            registered_at(site, f"{origin}/")
        page.goto(f"{site.url}/login")
        sign_in(page)
        page.get_by_role("button", name="Sign out").wait_for()
        page.goto(origin)
        script = "([url, credentials]) => fetch(url, {credentials}).then(a => a.status, error => error.message)"
        url, network = f"{site.url}{PROJECTS}", Network(page)
        with_cookies, without = (page.evaluate(script, [url, credentials]) for credentials in ("include", "omit"))
        while len(network.exchanges(url)) < 2:  # what the network saw may be told later than what the page saw
            page.evaluate("() => new Promise(requestAnimationFrame)")
        assert with_cookies == "Failed to fetch"
        assert without == (401 if is_registered else "Failed to fetch")
        (names, status), other = network.exchanges(url)
        assert ("workgate_session" in names, status) == (True, 401)
        assert other == ([], 401)
        assert any("blocked by CORS policy" in fault for fault in watch.faults)
