"""What a person does on the pages, by the words that they read there: in the language that their browser asks for."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser import PASSWORD
from tests.pages.site import Site
from workgate.domain.texts import Text
from workgate.web.languages import negotiated


def words(page: Page, english: str) -> str:
    """How Workgate says this in the browser's language. The example app speaks English only."""
    return negotiated(page.evaluate("navigator.language")).say(Text(english))


def connect(page: Page, site: Site) -> None:
    """From the example app's start page to Workgate's sign-in page, or to consent if already signed in."""
    page.goto(site.app_url)
    page.get_by_role("button", name="Connect to Workgate").click()


def sign_in(page: Page, username: str = "ann", password: str = PASSWORD) -> None:
    """Fill in the sign-in page and press its button."""
    page.get_by_label(words(page, "User name")).fill(username)
    page.get_by_label(words(page, "Password"), exact=True).fill(password)
    page.get_by_role("button", name=words(page, "Sign in")).click()


def allow(page: Page) -> None:
    """Press Allow on the consent page."""
    page.get_by_role("button", name=words(page, "Allow access")).click()


def connected(page: Page, site: Site, username: str = "ann") -> None:
    """The whole way to the example app's list of projects."""
    connect(page, site)
    sign_in(page, username)
    allow(page)
    expect_projects(page, site)


def expect_projects(page: Page, site: Site, name: str = "") -> None:
    """The example app shows the user's projects."""
    expect(page).to_have_url(f"{site.app_url}/")
    expect(page.get_by_role("heading", name="Your projects")).to_be_visible()
    expect(page.get_by_role("heading", name="Website relaunch")).to_be_visible()
    expect(page.get_by_text("Connected as")).to_contain_text(name)


def withdraw_links(page: Page) -> Locator:
    """The links that lead to the question whether to withdraw."""
    return page.locator(".cards").get_by_role("link")


def expect_sign_in(page: Page) -> None:
    """The sign-in page, which names the application that sent the user there."""
    expect(page).to_have_title(re.compile("^Sign in"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to continue to ClientApp")


def expect_consent(page: Page, username: str) -> None:
    """The consent page of a user."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Allow ClientApp to use your account?")
    expect(page.get_by_role("region", name="Your account")).to_contain_text(f"User name: {username}")
