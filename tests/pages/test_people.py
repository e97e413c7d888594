"""An administrator's way through people, sign-in rules and SSO providers, in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import PASSWORD
from tests.pages.conftest import OpenPage
from tests.pages.people_screens import PEOPLE, RULES, SSO, at
from tests.pages.site import Site
from tests.pages.steps import sign_in
from tests.providers.scripted import CLIENT_ID, SECRET

pytestmark = pytest.mark.browser
NEW_PASSWORD = "seven purple otters swim"


def to_people(page: Page, site: Site) -> None:
    """From the start page, as somebody who does it for the first time."""
    page.goto(site.url)
    sign_in(page)
    page.get_by_role("link", name="People").click()


@pytest.mark.spec("Workgate", "people", "an administrator creates a user, who sets a password by the link and signs in")
def test_create_invite_disable(site: Site, open_page: OpenPage) -> None:
    page, _ = open_page()
    to_people(page, site)
    page.get_by_role("link", name="Create a user").click()
    page.get_by_label("User name").fill("quinn")
    page.get_by_label("First name (optional)").fill("Quinn")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("status").first).to_contain_text("The user was created.")
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("#link").inner_text()
    page.get_by_role("link", name="I have copied the link: go on").click()

    quinn, _ = open_page()
    quinn.goto(link)
    for field in quinn.locator("input[type=password]").all():
        field.fill(NEW_PASSWORD)
    quinn.locator("main form button[type=submit]").first.click()
    quinn.goto(f"{site.url}/login")
    sign_in(quinn, "quinn", NEW_PASSWORD)
    expect(quinn.get_by_role("heading", level=1)).to_have_text("You are signed in")

    page.reload()
    page.get_by_label("Active", exact=True).uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Your changes are saved.")
    quinn.reload()
    expect(quinn).to_have_title(re.compile("^Sign in"))

    page.get_by_role("link", name="People").click()
    page.get_by_label("Name or e-mail").fill("QUINN")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".rows > li")).to_have_count(1)
    expect(page.locator(".rows > li")).to_contain_text("Disabled")


def test_what_is_wrong_takes_the_focus(site: Site, page: Page) -> None:
    at(page, site, f"{PEOPLE}?search=ann")
    page.get_by_role("link", name="Ann Archer").click()
    page.get_by_label("Administrator", exact=True).uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Administrator", exact=True)).to_be_focused()
    expect(page.get_by_text("You cannot take away your own administrator right")).to_be_visible()


@pytest.mark.spec("Workgate", "sso setup", "a provider is set up, tested, connected, switched on and allowed")
def test_single_sign_on_from_nothing(site: Site, open_page: OpenPage) -> None:
    page, _ = open_page(permissions=["clipboard-read", "clipboard-write"])
    at(page, site, SSO)
    page.get_by_role("link", name="Add OpenID Connect").click()
    page.get_by_label("Name", exact=True).fill("Acme login")
    page.get_by_label("Issuer").fill(site.corporate.issuer)
    page.get_by_label("Client ID").fill(CLIENT_ID)
    page.get_by_label("Client secret", exact=True).fill(SECRET)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("status").first).to_contain_text("test it, then switch it on")
    own = page.url.partition("?")[0]
    page.get_by_role("button", name="Copy").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(rf"{site.url}/sso/oidc/\d+/callback", copied)

    site.corporate.person = {"sub": "bob-at-acme", "email": "bob@acme.example"}
    page.get_by_role("link", name="Test sign-in").click()
    expect(page.get_by_text("Sign in nobody.")).to_be_visible()
    expect(page.get_by_text("bob@acme.example")).to_be_visible()

    page.goto(f"{site.url}{PEOPLE}?search=bob")
    page.get_by_role("link", name="Bob Baker").click()
    page.get_by_label("Provider", exact=True).select_option(label="Acme login")
    page.get_by_label("Federation ID", exact=True).fill("bob-at-acme")
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("status").first).to_contain_text("The federation ID is connected.")

    page.goto(own)
    page.get_by_role("link", name="Test sign-in").click()
    expect(page.get_by_text("Sign in Bob Baker")).to_be_visible()
    page.get_by_role("link", name="Back").click()
    expect(page).to_have_url(own)
    page.get_by_role("button", name="Switch on").click()
    page.goto(site.url + RULES)
    page.get_by_label("Single sign-on (SSO)").select_option("optional")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Your changes are saved.")

    bob, _ = open_page()
    bob.goto(f"{site.url}/login")
    bob.get_by_role("link", name="Sign in with Acme login").click()
    expect(bob.get_by_text("Signed in as")).to_contain_text("Bob Baker")

    page.get_by_label("Single sign-on (SSO)").select_option("none")
    page.get_by_role("button", name="Save").click()
    page.goto(f"{own}/delete")
    expect(page.get_by_text("1 user can no longer sign in with it")).to_be_visible()
    page.get_by_role("button", name="Delete the provider").click()
    expect(page.get_by_role("status").first).to_contain_text("The provider was deleted.")


def test_a_note_is_saved_on_leaving_its_field(site: Site, open_page: OpenPage) -> None:
    page, watch = open_page()
    path = f"/setup/oauth2/{site.app.application.client_id}/secrets"
    at(page, site, path)
    note = page.get_by_label("Note", exact=True).first
    note.fill("on the old server")
    note.press("Tab")
    expect(page.get_by_text("The note is saved.")).to_be_visible()
    expect(page.get_by_role("button", name="Save note").first).to_be_focused()
    page.reload()
    expect(note).to_have_value("on the old server")
    # What cannot be saved is said as ever.
    note.evaluate("field => { field.removeAttribute('maxlength'); }")
    note.fill("x" * 65)
    note.press("Tab")
    expect(page.get_by_text("the most", exact=False)).to_be_visible()
    expect(note).to_have_value("x" * 65)
    watch.faults[:] = [fault for fault in watch.faults if "status of 422" not in fault]


def test_the_pages_work_without_javascript(site: Site, open_page: OpenPage) -> None:
    page, _ = open_page(java_script_enabled=False)
    page.goto(site.url + RULES)
    page.get_by_label("User name").fill("ann")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Fewest characters").fill("9")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Your changes are saved.")
    page.get_by_label("Fewest characters").fill("8")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Your changes are saved.")
