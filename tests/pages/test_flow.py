"""The whole flow as a person goes through it, in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.pages.conftest import OpenPage
from tests.pages.site import Site
from tests.pages.steps import allow, connect, connected, expect_consent, expect_projects, expect_sign_in, sign_in

pytestmark = pytest.mark.browser


def test_from_connect_to_the_projects_and_out_again(page: Page, site: Site) -> None:
    connect(page, site)
    expect_sign_in(page)
    sign_in(page)
    expect_consent(page, "ann")
    expect(page.get_by_text("Either way, you will be sent to")).to_contain_text("127.0.0.1")
    allow(page)
    expect_projects(page, site, "Ann Archer")

    page.get_by_role("button", name="Refresh the token").click()
    expect(page.get_by_role("status")).to_contain_text("The token was refreshed.")
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"Refresh token:\s+….{4} became ….{4}"))
    expect_projects(page, site)

    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_role("status")).to_contain_text("Workgate has ended our access")
    page.reload()
    expect(page.get_by_role("button", name="Connect to Workgate")).to_be_visible()


def test_whoever_is_signed_in_is_asked_for_consent_at_once(page: Page, site: Site) -> None:
    connected(page, site)
    page.get_by_role("button", name="Disconnect").click()
    connect(page, site)
    expect_consent(page, "ann")
    allow(page)
    expect_projects(page, site)


def test_cancel_leads_to_a_kind_page(page: Page, site: Site) -> None:
    connect(page, site)
    sign_in(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You did not allow access")
    expect(page.get_by_text("That is fine.")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    allow(page)
    expect_projects(page, site)


def test_a_wrong_password_and_then_the_right_one(page: Page, site: Site) -> None:
    connect(page, site)
    sign_in(page, "bob", "not his password")
    expect(page).to_have_title(re.compile("^Problem: Sign in"))
    expect(page.get_by_role("alert")).to_contain_text("That did not work")
    expect(page.get_by_label("User name")).to_have_value("bob")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    expect(page.get_by_label("Password", exact=True)).to_have_value("")
    sign_in(page, "bob")
    expect_consent(page, "bob")
    allow(page)
    expect_projects(page, site, "Bob Baker")


def test_without_javascript(open_page: OpenPage, site: Site) -> None:
    page, _ = open_page(java_script_enabled=False)
    connect(page, site)
    sign_in(page, "cat", "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    sign_in(page, "cat")
    expect_consent(page, "cat")
    expect(page.get_by_role("button", name="Show password")).to_have_count(0)
    allow(page)
    expect_projects(page, site, "Cat Cooper")
    page.get_by_role("button", name="Refresh the token").click()
    expect(page.get_by_role("status")).to_contain_text("The token was refreshed.")
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_role("button", name="Connect to Workgate")).to_be_visible()


def test_a_double_click_on_allow_decides_once(open_page: OpenPage, site: Site) -> None:
    page, watch = open_page()
    connect(page, site)
    sign_in(page)
    page.get_by_role("button", name="Allow access").dblclick()
    expect_projects(page, site)
    assert len(watch.posts("/integrations/oauth2/consent")) == 1
    assert len([sent for sent in watch.requests if sent.url.startswith(f"{site.app_url}/callback?")]) == 1


def test_a_double_click_on_sign_in_sends_it_once(open_page: OpenPage, site: Site) -> None:
    page, watch = open_page()
    connect(page, site)
    page.get_by_label("User name").fill("ann")
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_role("button", name="Sign in").dblclick()
    expect_consent(page, "ann")
    assert len(watch.posts("/login")) == 1


def test_the_back_button_gives_the_consent_form_its_buttons_back(page: Page, site: Site) -> None:
    connect(page, site)
    sign_in(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You did not allow access")
    page.go_back()
    expect(page.get_by_role("button", name="Allow access")).to_be_enabled()


def test_not_you_leads_to_another_user_and_back_to_the_same_request(page: Page, site: Site) -> None:
    connect(page, site)
    sign_in(page)
    page.get_by_role("button", name="Not you? Use another account").click()
    expect_sign_in(page)
    sign_in(page, "bob")
    expect_consent(page, "bob")
    allow(page)
    expect_projects(page, site, "Bob Baker")


def test_the_start_page_and_signing_out(page: Page, site: Site) -> None:
    page.goto(site.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    sign_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed in")
    expect(page.get_by_text("You are an administrator here.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    page.goto(site.url)
    expect(page).to_have_url(f"{site.url}/login")


def test_showing_the_password_and_sending_it(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/login")
    password = page.get_by_label("Password", exact=True)
    password.fill("correct horse battery")
    page.get_by_role("button", name="Show password").click()
    expect(password).to_have_attribute("type", "text")
    page.get_by_role("button", name="Hide password").click()
    expect(password).to_have_attribute("type", "password")


def test_the_preview_lane_wears_a_badge(page: Page, site: Site) -> None:
    page.goto(site.preview_url())
    expect(page.locator(".lane")).to_have_text("Lane: preview")
    production = page.context.new_page()
    production.goto(site.url)
    expect(production.locator(".lane")).to_have_count(0)
    sign_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed in")
    # Signed in there is not signed in here.
    production.goto(site.url)
    expect(production).to_have_url(f"{site.url}/login")


def test_a_request_that_cannot_be_used_stays_here(page: Page, site: Site) -> None:
    page.goto(site.authorize_url(site.app, redirect_uri="https://elsewhere.example/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("This sign-in request cannot be used")
    expect(page.get_by_role("heading", name="What to do next")).to_be_visible()
    expect(page.locator(".reference")).to_be_visible()


def test_the_example_app_explains_an_answer_that_it_did_not_ask_for(page: Page, site: Site) -> None:
    page.goto(f"{site.app_url}/callback?code=made-up&state=my-state")
    expect(page.get_by_role("heading", level=1)).to_have_text("We did not expect this answer")
