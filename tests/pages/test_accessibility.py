"""axe finds nothing to complain of on any page, light or dark, wide or on a phone; and no page scrolls sideways."""

from typing import Any, Literal

import pytest
from playwright.sync_api import Page

from tests.pages.chromium import NARROW, WIDE
from tests.pages.conftest import OpenPage
from tests.pages.screens import SCREENS
from tests.pages.site import Site

pytestmark = pytest.mark.browser

NARROWEST = {"width": 320, "height": 640}  # WCAG 2.2, 1.4.10: what a page has to be readable at
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def violations(page: Page) -> list[str]:
    """What axe finds, a line for each element."""
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
    return [
        f"{rule['id']}: {node['html']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def sideways(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("name", SCREENS)
def test_a_page_is_accessible(open_page: OpenPage, site: Site, axe: str, name: str) -> None:
    page, _ = open_page()
    page.add_init_script(axe)
    SCREENS[name](page, site)
    for viewport in (WIDE, NARROW):
        page.set_viewport_size({"width": viewport["width"], "height": viewport["height"]})
        assert sideways(page) == 0, viewport
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert violations(page) == [], f"{scheme}, {viewport}"
    page.set_viewport_size({"width": NARROWEST["width"], "height": NARROWEST["height"]})
    assert sideways(page) == 0, NARROWEST


def test_axe_would_notice(open_page: OpenPage, site: Site, axe: str) -> None:
    page, _ = open_page()
    page.add_init_script(axe)
    page.goto(f"{site.url}/login")
    page.evaluate("document.querySelector('label').remove()")
    assert [line for line in violations(page) if line.startswith("label:")] != []
