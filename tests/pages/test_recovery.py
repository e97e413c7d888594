"""A forgotten password, from the sign-in page over the mail and back; and the pages that come with passwords."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import PASSWORD
from tests.pages.conftest import OpenPage
from tests.pages.password_screens import fill, invited_link
from tests.pages.site import Site
from tests.pages.steps import sign_in

pytestmark = pytest.mark.browser


def somebody(site: Site, name: str) -> str:
    """A user of the test's own."""
    acme = site.stand_in.run(site.stand_in.workgate.services.administration.environment("acme", "my"))
    site.stand_in.create_user(acme, name, PASSWORD, email="somebody@acme.example")
    return name


def sign_in_plainly(page: Page, name: str, password: str) -> None:
    """Without asking the page's scripts anything."""
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def type_twice(page: Page, new: str) -> None:
    page.get_by_label("New password", exact=True).fill(new)
    page.get_by_label("The new password once more", exact=True).fill(new)
    page.get_by_role("button", name="Set the password").click()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_forgotten_password(open_page: OpenPage, site: Site, scripts: bool) -> None:
    name = somebody(site, f"forgetful {scripts}")
    page, watch = open_page(java_script_enabled=scripts)
    page.goto(f"{site.url}/account/connected-apps")
    sign_in_plainly(page, name, "I forgot it")
    page.get_by_role("link", name="Forgotten your password?").click()
    field = page.get_by_label("User name or e-mail address")
    expect(field).to_be_focused()
    field.fill(name)
    page.get_by_role("button", name="Send the mail").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
    page.goto(site.newest_link())
    expect(page.get_by_role("region", name="Your account")).to_have_text(f"User name: {name}")
    type_twice(page, "password1")
    new = page.get_by_label("New password", exact=True)
    expect(new).to_be_focused()
    expect(new).to_have_value("")
    expect(new).to_have_accessible_description(re.compile("Do not use a word or a password that many people use"))
    type_twice(page, "wibble drone tackle")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your password is set")
    page.get_by_role("link", name="Sign in").click()
    sign_in_plainly(page, name, "wibble drone tackle")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed in")
    assert [sent for sent in watch.requests if "wgl_" in sent.headers.get("referer", "")] == []


def test_an_invitation_in_italian(open_page: OpenPage, site: Site) -> None:
    page, _ = open_page(locale="it-IT")
    page.goto(invited_link(site, newcomer=True))
    expect(page.get_by_role("heading", level=1)).to_have_text("Scegli la tua password")
    # The other language keeps the link.
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Choose your password")
    page.get_by_role("link", name="Italiano").click()
    fill(page, "wibble drone tackle")
    page.get_by_role("button", name="Imposta la password").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("La tua password è impostata")


def test_a_changed_password_and_other_sign_ins(open_page: OpenPage, site: Site) -> None:
    name = somebody(site, "changes here")
    page, _ = open_page()
    other, _ = open_page()
    for opened in (other, page):
        opened.goto(site.url)
        sign_in(opened, name)
    page.get_by_role("link", name="Where you are signed in").click()
    expect(page.get_by_text("This is where you are now.")).to_have_count(1)
    page.get_by_role("button", name="End it").click()
    expect(page.get_by_role("status")).to_have_text("This sign-in has ended.")
    other.goto(site.url)
    sign_in(other, name)
    page.get_by_role("link", name="Start page").click()
    page.get_by_role("link", name="Your password").click()
    expect(page.get_by_label("Present password")).to_be_focused()
    page.get_by_label("Present password").fill(PASSWORD)
    fill(page, "wibble drone tackle", "something else")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_label("The new password once more")).to_be_focused()
    page.get_by_label("Present password").fill(PASSWORD)
    fill(page, "wibble drone tackle")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("status")).to_contain_text("Your password was changed.")
    other.reload()
    expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")
