"""The whole flow without a mouse: everything is reached in reading order, and one sees where one is."""

import re
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import PASSWORD
from tests.pages.conftest import OpenPage
from tests.pages.site import Site
from tests.pages.steps import connect, expect_consent, expect_projects, expect_sign_in, sign_in

pytestmark = pytest.mark.browser

_FOCUSED = """() => {
  const at = document.activeElement, box = at.getBoundingClientRect(), style = getComputedStyle(at);
  return {
    name: at.getAttribute("aria-label") || at.labels?.[0]?.innerText || at.innerText,
    outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    top: box.top + scrollY, bottom: box.bottom + scrollY, left: box.left,
    onscreen: box.top >= 0 && box.bottom <= innerHeight,
    body: at === document.body,
  };
}"""


def focused(page: Page) -> dict[str, Any]:
    """Where the focus is."""
    return dict(page.evaluate(_FOCUSED))


def tab_stops(page: Page) -> list[dict[str, Any]]:
    """Every place that Tab leads to from the top of the page, until it leaves the page."""
    # Focusing the body, not only blurring the field, is what makes Tab begin at the top again.
    page.evaluate("() => { const b = document.body; b.tabIndex = -1; b.focus(); b.removeAttribute('tabindex'); }")
    stops: list[dict[str, Any]] = []
    for _ in range(40):
        page.keyboard.press("Tab")
        stop = focused(page)
        if stop["body"] or (stops and stop == stops[0]):
            return stops
        stops.append(stop)
    raise AssertionError("the focus does not leave the page")


def check_stops(page: Page, *names: str) -> None:
    """The focus goes to these and nowhere else, in reading order, always visible."""
    stops = tab_stops(page)
    assert [stop["name"].strip() for stop in stops] == list(names)
    for stop in stops:
        assert stop["outline"] >= 2, f"the focus cannot be seen: {stop}"
        assert stop["onscreen"], f"the focus is outside the window: {stop}"
    for before, after in pairwise(stops):
        below = after["top"] >= before["bottom"] - 1
        beside = after["left"] > before["left"] and after["bottom"] > before["top"]
        assert below or beside, f"{after} comes before {before}"


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on what has this name."""
    for _ in range(40):
        if str(focused(page)["name"]).strip() == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {name!r}")


def test_the_whole_flow_by_keyboard(page: Page, site: Site) -> None:
    page.goto(site.app_url)
    tab_to(page, "Connect to Workgate")
    page.keyboard.press("Enter")
    expect_sign_in(page)
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect_consent(page, "ann")
    tab_to(page, "Allow access")
    page.keyboard.press("Enter")
    expect_projects(page, site)
    tab_to(page, "Refresh the token")
    page.keyboard.press("Space")
    expect(page.get_by_role("status")).to_contain_text("The token was refreshed.")
    tab_to(page, "Disconnect")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Connect to Workgate")).to_be_visible()


def test_the_tab_stops_of_signing_in(page: Page, site: Site) -> None:
    connect(page, site)
    expect(page.get_by_role("button", name="Show password")).to_be_visible()
    check_stops(page, "User name", "Password", "Show password", "Sign in", "Forgotten your password?", "Italiano")


@pytest.mark.parametrize("width", [1200, 360])
def test_the_tab_stops_of_consent(open_page: OpenPage, site: Site, width: int) -> None:
    page, _ = open_page(viewport={"width": width, "height": 800})
    connect(page, site)
    sign_in(page)
    expect_consent(page, "ann")
    check_stops(
        page,
        "Not you? Use another account",
        "developers@clientapp.example",
        "About this application",
        "Privacy policy",
        "Cancel",
        "Allow access",
        "Italiano",
    )


def test_enter_in_no_field_decides_nothing(page: Page, site: Site) -> None:
    connect(page, site)
    sign_in(page)
    expect_consent(page, "ann")
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    expect(page).to_have_url(re.compile("/integrations/oauth2/authorize"))


def test_the_tab_stops_of_the_start_page(page: Page, site: Site) -> None:
    page.goto(site.url)
    sign_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed in")
    own = ("Connected apps", "Your password", "Two-step sign-in", "Where you are signed in")
    setup = ("OAuth2 applications", "People", "Sign-in rules", "SSO providers", "Audit log")
    check_stops(page, *own, *setup, "Sign out", "Italiano")
